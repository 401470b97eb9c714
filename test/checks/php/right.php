<?php
// A callback receiver that is right, in the `spec` dialect.
require __DIR__ . '/store.php';

function answer(int $status, array $body): never {
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($body, JSON_INVALID_UTF8_SUBSTITUTE);
    exit;
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    header('Allow: POST');
    answer(405, ['error' => 'a callback is a POST']);
}
$secret = (string)getenv('SECRET');
$body = file_get_contents('php://input');
if ($secret === '' || !hash_equals(hash_hmac('sha256', $body, $secret), $_SERVER['HTTP_X_SIGNATURE'] ?? '')) {
    answer(401, ['error' => 'invalid signature']);
}
$payload = json_decode($body);
if (!$payload instanceof stdClass) {
    answer(400, ['error' => 'no JSON object: ' . json_last_error_msg()]);
}
$timestamp = $payload->timestamp ?? null;
if (!is_int($timestamp) || abs(time() - $timestamp) > 300) {
    answer(401, ['error' => 'request expired: send epoch seconds']);
}
$updates = $payload->recipient_updates ?? null;
if (!is_string($payload->job_id ?? null) || !is_array($updates)) {
    answer(400, ['error' => 'job_id and recipient_updates are needed']);
}
// Everything is checked before anything is written.
foreach ($updates as $update) {
    $known = is_object($update) && in_array($update->status ?? null, ['pending', 'completed', 'failed'], true)
        && (is_int($update->userid ?? null) || (is_string($update->userid ?? null) && ctype_digit($update->userid)))
        && is_string($update->error_message ?? '');
    if (!$known) {
        answer(400, ['error' => 'a recipient update is not valid']);
    }
}
[$status, $result] = with_store(function (array &$jobs) use ($payload, $updates) {
    if (!isset($jobs[$payload->job_id])) {
        return [404, ['error' => 'unknown job']];
    }
    $job = &$jobs[$payload->job_id];
    $rank = ['pending' => 0, 'completed' => 1, 'failed' => 2];
    $unknown = [];
    foreach ($updates as $update) {
        $index = array_search((string)$update->userid, array_map('strval', array_column($job['recipients'], 'userid')), true);
        if ($index === false) {
            $unknown[] = $update->userid;
        } else if ($rank[$update->status] > $rank[$job['recipients'][$index]['status']]) {
            $job['recipients'][$index]['status'] = $update->status;
            $job['recipients'][$index]['error'] = isset($update->error_message) ? substr($update->error_message, 0, 1000) : null;
        }
    }
    // Counters and status follow from the rows.
    $counts = array_count_values(array_column($job['recipients'], 'status')) + ['pending' => 0, 'completed' => 0, 'failed' => 0];
    $job['completed'] = $counts['completed'];
    $job['failed'] = $counts['failed'];
    $job['status'] = $counts['pending'] > 0 ? 'processing' : ($counts['completed'] > 0 ? 'completed' : 'failed');
    $job['timecompleted'] = $counts['pending'] > 0 ? null : ($job['timecompleted'] ?? time());
    return [200, ['status' => 'ok', 'unknown' => $unknown]];
});
answer($status, $result);
