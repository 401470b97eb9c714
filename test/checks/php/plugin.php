<?php
// Submits a job as a plugin should: written down first, the same bytes again after a lost answer, a refusal kept.
ob_start();
require __DIR__ . '/submit.php';
$message = trim(ob_get_clean());
$id = json_decode($message)->job_id;

$options = ['http' => ['method' => 'POST', 'content' => $message, 'ignore_errors' => true, 'timeout' => 10,
    'header' => "Content-Type: application/json\r\nAuthorization: Bearer offload-dev-token\r\nIdempotency-Key: $id"]];
for ($try = 0, $answer = false; $answer === false && $try < 3; $try++) {
    $answer = @file_get_contents(getenv('OFFLOAD_URL') . '/jobs', false, stream_context_create($options));
}
$accepted = $answer !== false && preg_match('/ 20[02] /', $http_response_header[0]);
with_store(function (array &$jobs) use ($id, $accepted, $answer) {
    if (!$accepted) {
        $jobs[$id]['status'] = 'failed';
        $jobs[$id]['error'] = $answer === false ? 'no answer' : $answer;
    } else if ($jobs[$id]['status'] === 'pending') {
        $jobs[$id]['status'] = 'queued';
    }
});
exit($accepted ? 0 : 1);
