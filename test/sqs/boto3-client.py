"""Uses SQS as a worker in Python does; prints "ok" or fails."""
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

sqs = boto3.client(
    "sqs",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="offload",
    aws_secret_access_key="offload",
    config=Config(retries={"max_attempts": 1}),
)

dead = sqs.create_queue(QueueName="py-dlq")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
url = sqs.create_queue(
    QueueName="py",
    Attributes={"RedrivePolicy": '{"deadLetterTargetArn": "%s", "maxReceiveCount": 1}' % arn},
)["QueueUrl"]
assert url == sys.argv[1] + "/000000000000/py", url
assert sqs.get_queue_url(QueueName="py")["QueueUrl"] == url
assert sqs.list_queues(QueueNamePrefix="py")["QueueUrls"] == [url, dead]

body = 'Zoë "&<>\r\n 🎓'
attributes = {
    "color": {"DataType": "String", "StringValue": "blue"},
    "count": {"DataType": "Number", "StringValue": "3"},
    "blob": {"DataType": "Binary", "BinaryValue": b"\x01\x02\x03"},
}
sent = sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
assert sent["MD5OfMessageAttributes"] == "d838729972a4b70e2d2acd9d59ac847c", sent
# botocore compares the digests of bodies itself.
(message,) = sqs.receive_message(
    QueueUrl=url, WaitTimeSeconds=1, AttributeNames=["All"], MessageAttributeNames=["All"]
)["Messages"]
assert message["Body"] == body, message
assert message["MessageAttributes"] == attributes, message
assert message["Attributes"]["ApproximateReceiveCount"] == "1", message
handle = message["ReceiptHandle"]

# Back at once; the receive after maxReceiveCount finds it moved.
sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
assert "Messages" not in sqs.receive_message(QueueUrl=url)
(moved,) = sqs.receive_message(QueueUrl=dead, AttributeNames=["All"])["Messages"]
assert moved["MessageId"] == sent["MessageId"], moved
assert moved["Attributes"]["ApproximateReceiveCount"] == "2", moved
sqs.delete_message(QueueUrl=dead, ReceiptHandle=moved["ReceiptHandle"])

batch = sqs.send_message_batch(
    QueueUrl=url,
    Entries=[{"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": "2", "DelaySeconds": 900}],
)
assert [entry["Id"] for entry in batch["Successful"]] == ["a", "b"], batch
counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
assert counts["ApproximateNumberOfMessages"] == "1", counts
assert counts["ApproximateNumberOfMessagesDelayed"] == "1", counts
(one,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
deleted = sqs.delete_message_batch(
    QueueUrl=url, Entries=[{"Id": "a", "ReceiptHandle": one["ReceiptHandle"]}, {"Id": "b", "ReceiptHandle": "garbage"}]
)
assert deleted["Successful"] == [{"Id": "a"}], deleted
assert deleted["Failed"][0]["Code"] == "ReceiptHandleIsInvalid", deleted
sqs.purge_queue(QueueUrl=url)

try:
    sqs.send_message(QueueUrl=sys.argv[1] + "/000000000000/absent", MessageBody="x")
    raise AssertionError("an absent queue took a message")
except sqs.exceptions.QueueDoesNotExist as error:
    assert error.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue", error.response
try:
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=11)
    raise AssertionError("eleven messages at once")
except ClientError as error:
    assert error.response["Error"]["Code"] == "InvalidParameterValue", error.response

fifo = sqs.create_queue(
    QueueName="py.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}, tags={"team": "lms"}
)["QueueUrl"]
assert sqs.list_queue_tags(QueueUrl=fifo)["Tags"] == {"team": "lms"}
first = sqs.send_message(QueueUrl=fifo, MessageBody="1", MessageGroupId="a")
again = sqs.send_message(QueueUrl=fifo, MessageBody="1", MessageGroupId="a")
assert again["SequenceNumber"] == first["SequenceNumber"] and again["MessageId"] == first["MessageId"], again
sqs.send_message(QueueUrl=fifo, MessageBody="2", MessageGroupId="a")
ordered = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
assert [message["Body"] for message in ordered] == ["1", "2"], ordered
assert ordered[0]["Attributes"]["SequenceNumber"] == first["SequenceNumber"], ordered

assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
if hasattr(sqs, "start_message_move_task"):  # Debian 12's boto3 does not know it yet
    sqs.start_message_move_task(SourceArn=arn)
    (task,) = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
    assert task["SourceArn"] == arn and task["ApproximateNumberOfMessagesToMove"] == 0, task

print("ok")
