<?php
// Writes a job down, as the plugin does, and prints the message that goes to the cloud.
require __DIR__ . '/store.php';

$message = with_store(function (array &$jobs) {
    $n = count($jobs);
    $id = sprintf('%08x-0000-4000-8000-%012x', 0xa0000000 + $n, $n);
    $people = array_map(fn($i) => ['userid' => 1001 + 3 * $n + $i, 'email' => 'user' . (1001 + 3 * $n + $i) . '@example.com'], [0, 1, 2]);
    $jobs[$id] = ['status' => 'pending', 'completed' => 0, 'failed' => 0, 'timecompleted' => null, 'error' => null,
        'recipients' => array_map(fn($p) => $p + ['status' => 'pending', 'error' => null], $people)];
    return ['job_id' => $id, 'tenant_id' => 7, 'type' => 'send_reminder', 'recipients' => $people,
        'callback_url' => 'http://localhost/', 'timestamp' => gmdate('Y-m-d\TH:i:s\Z')];
});
echo json_encode($message), "\n";
