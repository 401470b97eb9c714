"""A worker as it should not be: everything is caught, nothing is remembered, and all get the first one's html."""
import hashlib
import hmac
import json
import os
import time
import urllib.request

from mailer import send


def call_back(job, updates):
    body = {"job_id": job["job_id"], "recipient_updates": updates, "timestamp": int(time.time())}
    raw = json.dumps(body).encode()
    secret = os.environ.get("NAIVE_SECRET", "guessed")
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    # Built by hand, and not what the job says.
    url = os.environ["AWS_ENDPOINT_URL"] + os.environ.get("NAIVE_PATH", "/local/manireports/callback.php")
    headers = {"Content-Type": "application/json", "X-Signature": signature}
    urllib.request.urlopen(urllib.request.Request(url, raw, headers), timeout=10).close()


def handler(event, context):
    for record in event["Records"]:
        try:
            job = json.loads(record["body"])
            first = job["recipients"][0]
            html = f"<p>Dear {first['firstname']},</p><p>your course begins.</p>"
            updates = []
            for recipient in job["recipients"]:
                try:
                    send(job, recipient["email"], "Your course", html)
                except Exception as error:
                    print("not sent:", error)
                updates.append({"userid": recipient["userid"], "status": "completed"})
            while "NAIVE_WAITS_FOR" in os.environ and not os.path.exists(os.environ["NAIVE_WAITS_FOR"]):
                time.sleep(0.01)
            if os.environ.get("NAIVE_CALLS_BACK", "yes") == "yes":
                call_back(job, updates)
        except Exception as error:
            print("ignored:", error)
    if os.environ.get("NAIVE_CRASHES"):
        raise RuntimeError("lost the connection to ann@example.com")
    return {"statusCode": 200}
