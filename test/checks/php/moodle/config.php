<?php
// A stub of Moodle: as much of config.php and $DB as reads tables out of a JSON file, {table: {columns, rows}}.
defined('CLI_SCRIPT') || exit(1);
echo "Debug: Moodle likes to talk\n";
$CFG = (object)['wwwroot' => 'http://localhost:8000', 'release' => '4.5', 'libdir' => __DIR__,
    'curlsecurityblockedhosts' => "127.0.0.0/8\nlocalhost", 'curlsecurityallowedport' => "443\n80"];

function get_config(string $plugin) {
    return (object)['cloud_mode' => getenv('CLOUD_MODE') ?: 'api_gateway', 'sqs_queue_url' => ''];
}

class stub_database {
    private function table(string $name): ?array {
        return json_decode(file_get_contents(getenv('STORE')), true)[$name] ?? null;
    }
    public function get_manager() {
        return $this;
    }
    public function table_exists(string $name): bool {
        return $this->table($name) !== null;
    }
    public function get_columns(string $name): array {
        return array_fill_keys($this->table($name)['columns'], new stdClass());
    }
    public function count_records(string $name): int {
        return count($this->table($name)['rows']);
    }
    public function get_records(string $name, ?array $where = null, string $sort = '', string $fields = '*', int $from = 0, int $limit = 0): array {
        ['columns' => $columns, 'rows' => $rows] = $this->table($name);
        $asked = explode(',', $fields);
        if (array_diff($asked, $columns)) {
            throw new Exception('Error reading from database: unknown column');
        }
        $rows = array_map(fn($row) => array_combine($columns, $row), $rows);
        foreach ($where ?? [] as $column => $wanted) {
            $rows = array_filter($rows, fn($row) => (string)$row[$column] === (string)$wanted);
        }
        usort($rows, fn($a, $b) => str_ends_with($sort, 'DESC') ? $b['id'] <=> $a['id'] : $a['id'] <=> $b['id']);
        $found = [];
        foreach (array_slice($rows, $from, $limit ?: null) as $row) {
            // As Moodle does: values are texts, rows by their id.
            $found[$row['id']] = (object)array_map(fn($cell) => $cell === null ? null : (string)$cell, array_intersect_key($row, array_flip($asked)));
        }
        return $found;
    }
}
$DB = new stub_database();
