"""How the workers mail: SES v1, or with WORKER_MAIL=smtp the inbox itself. ValueError: nobody can mail this address."""
import os
from email.message import EmailMessage

SENDER = "ManiReports <noreply@manireports.test>"


def send(job, to, subject, html):
    if "unmailable" in to:
        raise ValueError("the address does not exist")
    if os.environ.get("WORKER_MAIL") == "smtp":
        return smtp(job, to, subject, html)
    import boto3

    body = {"Subject": {"Data": subject}, "Body": {"Html": {"Data": html}}}
    ses = boto3.client("ses", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    ses.send_email(Source=SENDER, Destination={"ToAddresses": [to]}, Message=body)


def smtp(job, to, subject, html):
    from smtplib import SMTP

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, to, subject
    message.set_content(html, subtype="html")
    with SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), "localhost") as server:
        server.send_message(message)
