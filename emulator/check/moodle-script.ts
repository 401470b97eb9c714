/**
 * Runs inside Moodle (`php -r`): answers each line of JSON on stdin with one line on stdout: `{"jobs": [ids]}` of the
 * tables of the plugin, `{"settings": URL}` of Moodle's settings, and whether its curl reaches that URL (null asks nobody). It reads and writes nothing else; names, passwords and payloads do not leave PHP.
 * The columns' names are those of all three documents: `jobid` (specification), `job_uuid` (detailed plan), `job_id` or
 * `id` (flow diagrams, and the plugin in use).
 */
export const moodleScript = String.raw`
define('CLI_SCRIPT', true);
ini_set('display_errors', 'stderr');
$offloadroot = rtrim(end($argv), '/');
if (!is_readable($offloadroot . '/config.php')) {
    fwrite(STDERR, "there is no config.php in $offloadroot (" . getcwd() . "): name Moodle's folder with --moodle-root\n");
    exit(1);
}
require($offloadroot . '/config.php');

function offload_say(array $answer): void {
    // Plugins and debugging print what they like; this line is found by its mark.
    echo "\noffload:", json_encode($answer, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
    if (ob_get_level() > 0) {
        ob_flush();
    }
    flush();
}

function offload_first(array $names, array $columns): ?string {
    return array_values(array_intersect($names, $columns))[0] ?? null;
}

function offload_tables(array $wanted): array {
    global $DB;
    $manager = $DB->get_manager();
    $exists = fn($table) => $manager->table_exists($table);
    $jobs = 'manireports_cloud_jobs';
    $people = array_values(array_filter(['manireports_cloud_job_recipients', 'manireports_cloud_recipients'], $exists))[0] ?? null;
    if (!$exists($jobs) || $people === null) {
        return ['error' => 'the tables manireports_cloud_jobs and manireports_cloud_job_recipients are not there: is the plugin installed and upgraded?'];
    }
    $ofjobs = array_keys($DB->get_columns($jobs));
    $ofpeople = array_keys($DB->get_columns($people));
    $key = offload_first(['jobid', 'job_uuid', 'job_id', 'id'], $ofjobs);
    // The detailed plan's recipients point to the row, all others to the job's own id.
    $parent = $key === 'job_uuid' ? 'id' : $key;
    $foreign = offload_first(['jobid', 'job_id'], $ofpeople);
    if ($key === null || $foreign === null) {
        return ['error' => 'the tables have columns of no document'];
    }
    $kept = ['id', $key, 'status', 'completed_recipients', 'processed_records', 'emails_sent', 'sent_count',
        'failed_recipients', 'failed_records', 'emails_failed', 'failed_count', 'timecompleted', 'completed_at', 'error_message'];
    $keptpeople = ['id', $foreign, 'userid', 'email', 'status', 'attempts', 'certificate_url', 'artifact_url',
        'error_message', 'error', 'timesent', 'sent_at', 'message_id', 'external_id'];
    $jobfields = implode(',', array_unique(array_intersect($kept, $ofjobs)));
    $peoplefields = implode(',', array_unique(array_intersect($keptpeople, $ofpeople)));
    $found = [];
    foreach ($wanted as $id) {
        $isnumber = in_array($key, ['id', 'job_id'], true);
        if ($isnumber && !preg_match('/^\d{1,18}$/', (string)$id)) {
            continue;
        }
        foreach ($DB->get_records($jobs, [$key => $id], 'id', $jobfields, 0, 1) as $job) {
            $rows = $DB->get_records($people, [$foreign => $job->$parent], 'id', $peoplefields);
            $found[(string)$id] = ['job' => $job, 'recipients' => array_values($rows)];
        }
    }
    // What else is there: the newest, which is where anything wrong would happen.
    $all = [$DB->count_records($jobs), $DB->count_records($people),
        $DB->get_records($jobs, null, 'id DESC', $jobfields, 0, 1000), $DB->get_records($people, null, 'id DESC', $peoplefields, 0, 5000)];
    return ['digest' => hash('sha256', json_encode($all, JSON_INVALID_UTF8_SUBSTITUTE)), 'jobs' => (object)$found];
}

function offload_settings(?string $url): array {
    global $CFG;
    $config = get_config('local_manireports') ?: new stdClass();
    $text = fn($value) => is_string($value) && $value !== '' ? $value : null;
    $found = [
        'wwwroot' => $CFG->wwwroot,
        'release' => $text($CFG->release ?? null),
        'blockedHosts' => $CFG->curlsecurityblockedhosts ?? '',
        'allowedPorts' => $CFG->curlsecurityallowedport ?? '',
        'mode' => $text($config->cloud_mode ?? null),
        'queueUrl' => $text($config->sqs_queue_url ?? null),
        'sdk' => class_exists('Aws\\Sdk') ? \Aws\Sdk::VERSION : null,
        'endpoint' => $text(getenv('AWS_ENDPOINT_URL_SQS')) ?? $text(getenv('AWS_ENDPOINT_URL')),
    ];
    if ($url !== null) {
        require_once($CFG->libdir . '/filelib.php');
        $curl = new curl();
        $answer = (string)$curl->get($url . '/health', [], ['CURLOPT_CONNECTTIMEOUT' => 3, 'CURLOPT_TIMEOUT' => 5]);
        $status = (int)($curl->get_info()['http_code'] ?? 0);
        $found['reached'] = ['status' => $status, 'words' => $status === 200 ? '' : substr($curl->error ?: $answer, 0, 200)];
    }
    return ['settings' => $found];
}

offload_say(['ready' => true]);
while (($line = fgets(STDIN)) !== false) {
    try {
        $asked = json_decode($line, true);
        offload_say(isset($asked['jobs']) ? offload_tables($asked['jobs']) : offload_settings($asked['settings']));
    } catch (Throwable $error) {
        offload_say(['error' => get_class($error) . ': ' . $error->getMessage()]);
    }
}
`
