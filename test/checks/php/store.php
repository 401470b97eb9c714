<?php
// What stands in for Moodle's database: one JSON file, under a lock for as long as a request works on it.

function with_store(callable $work) {
    $file = fopen(getenv('STORE'), 'c+');
    flock($file, LOCK_EX);
    $jobs = json_decode(stream_get_contents($file), true) ?? [];
    $result = $work($jobs);
    $text = json_encode($jobs, JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR);
    rewind($file);
    ftruncate($file, 0);
    fwrite($file, $text);
    fclose($file);
    return $result;
}
