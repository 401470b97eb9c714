<?php
// Reads a file of signed vectors, verifies each as a callback receiver does, and prints {"name": "accept" | "refuse"}.
function verdict(array $vector): string {
    $body = base64_decode($vector['body_base64'], true);
    $secret = $vector['secret'];
    $payload = json_decode($body);
    if ($vector['dialect'] === 'plugin') {
        $token = is_object($payload) ? $payload->token ?? '' : '';
        return is_string($token) && $token !== '' && hash_equals($secret, $token) ? 'accept' : 'refuse';
    }
    if ($secret === '' || !hash_equals(hash_hmac('sha256', $body, $secret), $vector['headers']['x-signature'] ?? '')) {
        return 'refuse';
    }
    if (!is_object($payload)) {
        return 'refuse';
    }
    if ($vector['dialect'] !== 'spec') {
        return 'accept';
    }
    $stamp = $payload->timestamp ?? null;
    return is_int($stamp) && abs($vector['now'] - $stamp) <= 300 ? 'accept' : 'refuse';
}

$vectors = json_decode(file_get_contents($argv[1]), true, 512, JSON_THROW_ON_ERROR)['vectors'];
echo json_encode(array_combine(array_column($vectors, 'name'), array_map('verdict', $vectors)));
