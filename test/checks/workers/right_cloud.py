"""The right worker of test/workers, with what a whole deployment needs beside it: bounces, PDFs, callbacks tried again."""
import json
import os
import threading
import time
import unicodedata
import urllib.error
import urllib.request

import boto3
from botocore.exceptions import ClientError

import right
from right import SENT

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
BOUNCES = f"{ENDPOINT}/000000000000/ses-events"
DEAD_LETTERS = f"{ENDPOINT}/000000000000/manireports-jobs-dlq"
RETRIES = [float(seconds) for seconds in os.environ.get("RETRIES", "1 2 4").split()]
TIMEOUT = float(os.environ.get("CALLBACK_TIMEOUT", "2"))

SENT.execute("CREATE TABLE IF NOT EXISTS mails (message TEXT PRIMARY KEY, job TEXT, userid TEXT, url TEXT)")
SENT.execute("CREATE TABLE IF NOT EXISTS told (job TEXT, userid TEXT, PRIMARY KEY (job, userid))")
current = {}


def send(job, to, subject, html):
    ses = boto3.client("ses", endpoint_url=ENDPOINT)
    body = {"Subject": {"Data": subject}, "Body": {"Html": {"Data": html}}}
    try:
        answer = ses.send_email(
            Source="ManiReports <noreply@manireports.test>", Destination={"ToAddresses": [to]}, Message=body
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("InvalidParameterValue", "MessageRejected"):
            raise ValueError(str(error)) from error
        raise
    row = (answer["MessageId"], str(job["job_id"]), str(current["userid"]), job["callback_url"])
    SENT.execute("INSERT INTO mails VALUES (?, ?, ?, ?)", row)


def process(job, recipient, original=right.process):
    current["userid"] = recipient["userid"]
    return original(job, recipient)


def pdf(name):
    """One page that bears a name, in the letters that Helvetica has; the whole of it is the title."""
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    page = f"BT /F 24 Tf 72 400 Td ({latin}) Tj ET".encode()
    title = (b"\xfe\xff" + name.encode("utf-16-be")).hex().encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 842 595]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(page), page),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Title<%s>>>" % title,
    ]
    file, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    table = b"xref\n0 7\n0000000000 65535 f \n" + rows
    return file + table + b"trailer\n<</Size 7/Root 1 0 R/Info 6 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(file)


def certificate(job, recipient):
    s3 = boto3.client("s3", endpoint_url=ENDPOINT)
    place = {"Bucket": os.environ["S3_BUCKET"], "Key": f"{job['job_id']}/{recipient['userid']}.pdf"}
    s3.put_object(**place, Body=pdf(f"{recipient['firstname']} {recipient['lastname']}"))
    return s3.generate_presigned_url("get_object", place, ExpiresIn=3600)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


CALLER = urllib.request.build_opener(NoRedirect)


def call_back(job, updates):
    """Stamped and signed anew each time; gives up after the last wait."""
    for wait in [*RETRIES, None]:
        body = {"job_id": job["job_id"], "recipient_updates": updates, "timestamp": int(time.time())}
        raw = json.dumps(body).encode()
        signature = right.hmac.new(os.environ["CALLBACK_SECRET"].encode(), raw, right.hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Signature": signature}
        asked = 0.0
        try:
            request = urllib.request.Request(job["callback_url"], raw, headers)
            CALLER.open(request, timeout=TIMEOUT).close()
            break
        except urllib.error.HTTPError as error:
            asked, failure = float(error.headers.get("Retry-After", 0)), error
        except OSError as error:
            failure = error
        if wait is None:
            raise failure
        time.sleep(max(wait, asked))
    for update in updates:
        SENT.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (str(job["job_id"]), str(update["userid"])))


right.send, right.process, right.certificate, right.call_back = send, process, certificate, call_back


def handler(event, context):
    """What cannot be read goes to the dead-letter queue at once, instead of coming back ten times."""
    readable = []
    for record in event["Records"]:
        try:
            json.loads(record["body"])
            readable.append(record)
        except ValueError:
            boto3.client("sqs", endpoint_url=ENDPOINT).send_message(QueueUrl=DEAD_LETTERS, MessageBody=record["body"])
    return right.handler({"Records": readable}, context)


def hear_bounces():
    """What the provider reports later. A report about somebody of whom nothing was told yet comes again."""
    sqs = boto3.client("sqs", endpoint_url=ENDPOINT)
    ledger = right.sqlite3.connect(os.environ["SENT_DB"], timeout=20, isolation_level=None)
    while True:
        try:
            answer = sqs.receive_message(QueueUrl=BOUNCES, MaxNumberOfMessages=10, WaitTimeSeconds=2, VisibilityTimeout=2)
        except Exception:
            time.sleep(0.5)
            continue
        for message in answer.get("Messages", []):
            report = json.loads(message["Body"])
            if report.get("notificationType") == "Bounce" and not tell(ledger, report):
                continue
            sqs.delete_message(QueueUrl=BOUNCES, ReceiptHandle=message["ReceiptHandle"])


def tell(ledger, report):
    row = ledger.execute("SELECT job, userid, url FROM mails WHERE message = ?", (report["mail"]["messageId"],)).fetchone()
    if row is None:
        return False
    job, userid, url = row
    if ledger.execute("SELECT 1 FROM told WHERE job = ? AND userid = ?", (job, userid)).fetchone() is None:
        return False
    reason = report["bounce"]["bouncedRecipients"][0].get("diagnosticCode", report["bounce"]["bounceType"])
    updates = [{"userid": int(userid), "status": "failed", "error_message": reason}]
    body = {"job_id": job, "recipient_updates": updates, "timestamp": int(time.time())}
    raw = json.dumps(body).encode()
    signature = right.hmac.new(os.environ["CALLBACK_SECRET"].encode(), raw, right.hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature": signature}
    CALLER.open(urllib.request.Request(url, raw, headers), timeout=TIMEOUT).close()
    return True


threading.Thread(target=hear_bounces, daemon=True).start()
