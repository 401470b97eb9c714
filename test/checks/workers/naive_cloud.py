"""The naive worker of test/workers, which at least calls the address that the job names."""
import naive


def call_back(job, updates, original=naive.call_back):
    naive.os.environ["NAIVE_PATH"] = job["callback_url"]
    endpoint = naive.os.environ.pop("AWS_ENDPOINT_URL")
    naive.os.environ["AWS_ENDPOINT_URL"] = ""
    try:
        original(job, updates)
    finally:
        naive.os.environ["AWS_ENDPOINT_URL"] = endpoint


naive.call_back = call_back
handler = naive.handler
