"""A worker as it should be: mails once, tells what failed, and deletes nothing that was not told (boto3, no more)."""
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
import urllib.request
from html import escape

from mailer import send

# Shared by all that run at once: a message may be delivered again to another process.
SENT = sqlite3.connect(os.environ["SENT_DB"], timeout=20, isolation_level=None)
SENT.execute("CREATE TABLE IF NOT EXISTS sent (job TEXT, recipient TEXT, link TEXT, PRIMARY KEY (job, recipient))")


def certificate(job, recipient):
    """Stores the document and returns a link to it."""
    import boto3

    s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    key = f"{job['job_id']}/{recipient['userid']}.txt"
    s3.put_object(Bucket=os.environ["S3_BUCKET"], Key=key, Body=f"Certificate of {recipient['firstname']}".encode())
    return s3.generate_presigned_url("get_object", {"Bucket": os.environ["S3_BUCKET"], "Key": key}, ExpiresIn=3600)


def process(job, recipient):
    """Mails once: whoever writes the row sends the mail, and takes the row back when that fails."""
    identity = (str(job["job_id"]), str(recipient["userid"]))
    link = certificate(job, recipient) if job.get("generate_certificate") else None
    if SENT.execute("INSERT OR IGNORE INTO sent VALUES (?, ?, ?)", (*identity, link)).rowcount == 0:
        return SENT.execute("SELECT link FROM sent WHERE job = ? AND recipient = ?", identity).fetchone()[0]
    try:
        html = f"<p>Dear {escape(recipient['firstname'])},</p><p>your course begins. {escape(link or '')}</p>"
        send(job, recipient["email"], "Your course", html)
    except Exception:
        SENT.execute("DELETE FROM sent WHERE job = ? AND recipient = ?", identity)
        raise
    return link


def call_back(job, updates):
    body = {"job_id": job["job_id"], "recipient_updates": updates, "timestamp": int(time.time())}
    raw = json.dumps(body).encode()
    signature = hmac.new(os.environ["CALLBACK_SECRET"].encode(), raw, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature": signature}
    urllib.request.urlopen(urllib.request.Request(job["callback_url"], raw, headers), timeout=10).close()


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            job, updates = json.loads(record["body"]), []
            for recipient in job["recipients"]:
                update = {"userid": recipient["userid"], "status": "completed", "timesent": int(time.time())}
                try:
                    link = process(job, recipient)
                    updates.append(update if link is None else {**update, "certificate_url": link})
                except ValueError as error:  # nobody can mail this address: told, and not tried again
                    updates.append({**update, "status": "failed", "error_message": str(error)})
            call_back(job, updates)
        except Exception as error:
            print("failed:", record["messageId"], repr(error), file=sys.stderr)
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
