<?php
// The snippet of the implementation plan, word for word; before and after it only what makes it run.
require __DIR__ . '/store.php';
$callback_secret = (string)getenv('SECRET');
$request_body = file_get_contents('php://input');
$payload = json_decode($request_body, true);

// HMAC validation
$signature = hash_hmac('sha256', $request_body, $callback_secret);
if (!hash_equals($signature, $_SERVER['HTTP_X_SIGNATURE'])) {
    http_response_code(401);
    die('Invalid signature');
}

// Timestamp validation
$timestamp = $payload['timestamp'] ?? 0;
if (abs(time() - $timestamp) > 300) {
    http_response_code(401);
    die('Request expired');
}

// Update job status, update recipient status
with_store(function (array &$jobs) use ($payload) {
    $job = &$jobs[$payload['job_id']];
    foreach ($payload['recipient_updates'] as $update) {
        foreach ($job['recipients'] as &$recipient) {
            if ($recipient['userid'] == $update['userid']) {
                $recipient['status'] = $update['status'];
                $recipient['error'] = $update['error_message'] ?? null;
                $job[$update['status']]++;
            }
        }
    }
    $job['status'] = 'completed';
    $job['timecompleted'] = time();
});
echo json_encode(['status' => 'ok']);
