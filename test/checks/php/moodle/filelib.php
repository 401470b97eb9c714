<?php
// As Moodle's curl class answers where its security blocks an address.
class curl {
    public $error = '';
    public function get(string $url, array $params = [], array $options = []): string {
        return $this->error = 'The URL is blocked.';
    }
    public function get_info(): array {
        return ['http_code' => 0];
    }
}
