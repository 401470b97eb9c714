"""SES as a worker in Python speaks to it: python3 boto3-client.py ENDPOINT prints "ok"."""
import sys
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

options = dict(
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="offload",
    aws_secret_access_key="offload",
    config=Config(retries={"max_attempts": 0}),
)
ses = boto3.client("ses", **options)
v2 = boto3.client("sesv2", **options)
source = "noreply@manireports.test"


def refused(call, status, code, message):
    try:
        call()
    except ClientError as error:
        found = error.response["Error"]
        got = (error.response["ResponseMetadata"]["HTTPStatusCode"], found["Code"], found["Message"])
        assert got == (status, code, message), got
        return error
    raise AssertionError(f"{code} was expected")


body = {"Subject": {"Data": "Zoë"}, "Body": {"Text": {"Data": "Hällo 🎓"}}}
sent = ses.send_email(
    Source=source,
    Destination={"ToAddresses": ["a@example.com"], "CcAddresses": [], "BccAddresses": ["b@example.com"]},
    Message=body,
)
assert sent["MessageId"].startswith("0108") and sent["MessageId"].endswith("-000000"), sent

message = MIMEMultipart()
message["Subject"] = "Zertifikat für Zoë"
message["From"] = source
message["To"] = "a@example.com"
message.attach(MIMEText("<p>Hällo</p>", "html"))
pdf = MIMEApplication(b"%PDF-1.7 \x00\xff", "pdf")
pdf.add_header("Content-Disposition", "attachment", filename="certificate.pdf")
message.attach(pdf)
raw = message.as_bytes()
assert ses.send_raw_email(RawMessage={"Data": raw})["MessageId"]
assert ses.send_raw_email(Source=source, Destinations=["c@example.com"], RawMessage={"Data": raw})["MessageId"]
assert v2.send_email(Content={"Raw": {"Data": raw}})["MessageId"]

ses.create_template(Template={"TemplateName": "hello", "SubjectPart": "Hi {{name}}", "TextPart": "Hi"})
assert v2.get_email_template(TemplateName="hello")["TemplateContent"]["Subject"] == "Hi {{name}}"
bulk = v2.send_bulk_email(
    FromEmailAddress=source,
    DefaultContent={"Template": {"TemplateName": "hello", "TemplateData": '{"name": "you"}'}},
    BulkEmailEntries=[{"Destination": {"ToAddresses": ["d@example.com"]}}, {"Destination": {"ToAddresses": ["no"]}}],
)
assert [entry["Status"] for entry in bulk["BulkEmailEntryResults"]] == ["SUCCESS", "INVALID_PARAMETER"], bulk

quota = ses.get_send_quota()
assert (quota["Max24HourSend"], quota["MaxSendRate"], quota["SentLast24Hours"]) == (50000.0, 8.0, 6.0), quota
points = ses.get_send_statistics()["SendDataPoints"]
assert [(point["DeliveryAttempts"], point["Bounces"]) for point in points] == [(6, 0)], points
assert v2.get_account()["SendQuota"]["SentLast24Hours"] == 6.0

refused(
    lambda: ses.send_email(Source=source, Destination={"ToAddresses": ["nobody"]}, Message=body),
    400,
    "InvalidParameterValue",
    "Missing final '@domain'",
)
refused(
    lambda: v2.send_email(
        FromEmailAddress=source, Destination={"ToAddresses": ["nobody"]}, Content={"Simple": body}
    ),
    400,
    "BadRequestException",
    "Missing final '@domain'",
)
# Two tokens are left of eight; the second call may go into debt, and the third is over the rate.
for _ in range(2):
    ses.send_email(Source=source, Destination={"ToAddresses": ["a@example.com"]}, Message=body)
refused(
    lambda: ses.send_email(Source=source, Destination={"ToAddresses": ["a@example.com"]}, Message=body),
    400,
    "Throttling",
    "Maximum sending rate exceeded.",
)
throttled = refused(
    lambda: v2.send_email(
        FromEmailAddress=source, Destination={"ToAddresses": ["a@example.com"]}, Content={"Simple": body}
    ),
    429,
    "TooManyRequestsException",
    "Maximum sending rate exceeded.",
)
assert isinstance(throttled, v2.exceptions.TooManyRequestsException)

v2.put_suppressed_destination(EmailAddress="a+b@example.com", Reason="COMPLAINT")
(listed,) = v2.list_suppressed_destinations(Reasons=["COMPLAINT"])["SuppressedDestinationSummaries"]
assert listed["EmailAddress"] == "a+b@example.com" and listed["Reason"] == "COMPLAINT", listed
assert v2.get_suppressed_destination(EmailAddress="a+b@example.com")["SuppressedDestination"]["LastUpdateTime"]
v2.delete_suppressed_destination(EmailAddress="a+b@example.com")
refused(
    lambda: v2.get_suppressed_destination(EmailAddress="a+b@example.com"),
    404,
    "NotFoundException",
    "Email address a+b@example.com does not exist on your suppression list.",
)

ses.create_configuration_set(ConfigurationSet={"Name": "jobs"})
topic = "arn:aws:sns:us-east-1:000000000000:mail-events"
ses.create_configuration_set_event_destination(
    ConfigurationSetName="jobs",
    EventDestination={
        "Name": "queue",
        "Enabled": True,
        "MatchingEventTypes": ["bounce", "renderingFailure"],
        "SNSDestination": {"TopicARN": topic},
    },
)
described = ses.describe_configuration_set(
    ConfigurationSetName="jobs", ConfigurationSetAttributeNames=["eventDestinations"]
)
(destination,) = described["EventDestinations"]
assert destination["SNSDestination"]["TopicARN"] == topic and destination["Enabled"] is True, destination
assert destination["MatchingEventTypes"] == ["bounce", "renderingFailure"], destination
(same,) = v2.get_configuration_set_event_destinations(ConfigurationSetName="jobs")["EventDestinations"]
assert same["MatchingEventTypes"] == ["BOUNCE", "RENDERING_FAILURE"], same
assert v2.list_configuration_sets()["ConfigurationSets"] == ["jobs"]
missing = refused(
    lambda: ses.send_email(
        Source=source, Destination={"ToAddresses": ["a@example.com"]}, Message=body, ConfigurationSetName="no"
    ),
    400,
    "ConfigurationSetDoesNotExist",
    "Configuration set <no> does not exist.",
)
assert isinstance(missing, ses.exceptions.ConfigurationSetDoesNotExistException)
refused(
    lambda: v2.send_email(
        FromEmailAddress=source,
        Destination={"ToAddresses": ["a@example.com"]},
        Content={"Simple": body},
        ConfigurationSetName="no",
    ),
    404,
    "NotFoundException",
    "Configuration set <no> does not exist.",
)
ses.delete_configuration_set(ConfigurationSetName="jobs")

ses.verify_email_identity(EmailAddress="x@example.com")
assert "x@example.com" in ses.list_identities(IdentityType="EmailAddress")["Identities"]
attributes = ses.get_identity_verification_attributes(Identities=["x@example.com"])["VerificationAttributes"]
assert attributes["x@example.com"]["VerificationStatus"] == "Success", attributes
assert "x@example.com" in [one["IdentityName"] for one in v2.list_email_identities()["EmailIdentities"]]
ses.update_account_sending_enabled(Enabled=False)
assert ses.get_account_sending_enabled()["Enabled"] is False
try:
    ses.send_email(Source=source, Destination={"ToAddresses": ["a@example.com"]}, Message=body)
    raise AssertionError("a paused account sent")
except ses.exceptions.AccountSendingPausedException:
    pass

print("ok")
