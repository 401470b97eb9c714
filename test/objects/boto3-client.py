"""Uses S3 as a worker in Python does; prints "ok" or fails. Arguments: endpoint, bucket."""
import io
import os
import sys
import tempfile
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, bucket = sys.argv[1:]


def client(**config):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **config),
    )


def refused(call, code, status):
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        return
    raise AssertionError("%s was expected" % code)


s3 = client()
key = "folder/Zoë & co (1)+~.pdf"
put = s3.put_object(
    Bucket=bucket,
    Key=key,
    Body=b"%PDF-1.7",
    ContentType="application/pdf",
    ContentDisposition='attachment; filename="a b.pdf"',
    CacheControl="max-age=60",
    Metadata={"job": "17"},
)
got = s3.get_object(Bucket=bucket, Key=key)
assert got["Body"].read() == b"%PDF-1.7"
assert got["ETag"] == put["ETag"], got
assert got["ContentType"] == "application/pdf" and got["Metadata"] == {"job": "17"}, got
assert got["ContentDisposition"] == 'attachment; filename="a b.pdf"' and got["CacheControl"] == "max-age=60", got
assert s3.get_object(Bucket=bucket, Key=key, Range="bytes=1-3")["Body"].read() == b"PDF"
assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == 8
refused(lambda: s3.get_object(Bucket=bucket, Key="none"), "NoSuchKey", 404)
refused(lambda: s3.head_object(Bucket=bucket, Key="none"), "404", 404)
refused(lambda: s3.get_object(Bucket="nowhere", Key="k"), "NoSuchBucket", 404)
refused(lambda: s3.get_object(Bucket=bucket, Key=key, IfNoneMatch=put["ETag"]), "304", 304)
refused(lambda: s3.get_object(Bucket=bucket, Key=key, IfMatch='"x"'), "PreconditionFailed", 412)
refused(lambda: s3.get_object(Bucket=bucket, Key=key, Range="bytes=99-"), "InvalidRange", 416)
put = s3.put_object(Bucket=bucket, Key="sum", Body=b"hello", ChecksumAlgorithm="SHA256")
assert put["ChecksumSHA256"] == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", put

# Parts: 12 MB in parts of 5, from a file and out of a stream, and back by ranges.
transfer = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=2)
content = os.urandom(1 << 20) * 12
with tempfile.NamedTemporaryFile() as file:
    file.write(content)
    file.flush()
    s3.upload_file(file.name, bucket, "parts", Config=transfer, ExtraArgs={"ContentType": "a/b", "Metadata": {"x": "y"}})
head = s3.head_object(Bucket=bucket, Key="parts")
assert head["ETag"].endswith('-3"') and head["ContentLength"] == 12 << 20, head
assert head["ContentType"] == "a/b" and head["Metadata"] == {"x": "y"}, head
back = io.BytesIO()
s3.download_fileobj(bucket, "parts", back, Config=transfer)
assert back.getvalue() == content
s3.copy({"Bucket": bucket, "Key": "parts"}, bucket, "copied", Config=transfer)
assert s3.get_object(Bucket=bucket, Key="copied")["Body"].read() == content
assert s3.head_object(Bucket=bucket, Key="copied")["ETag"].endswith('-3"')
assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)

s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
assert s3.head_object(Bucket=bucket, Key="copy")["Metadata"] == {"job": "17"}

for number in range(5):
    s3.put_object(Bucket=bucket, Key="list/%d x/+&.txt" % number, Body=b"")
s3.put_object(Bucket=bucket, Key="list/leaf", Body=b"")
pages = list(
    s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 2}
    )
)
assert len(pages) == 3, pages
assert [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])] == ["list/%d x/" % n for n in range(5)]
assert [o["Key"] for page in pages for o in page.get("Contents", [])] == ["list/leaf"], pages
pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, Prefix="list/", PaginationConfig={"PageSize": 4})
keys = [o["Key"] for page in pages for o in page["Contents"]]
assert keys == ["list/%d x/+&.txt" % n for n in range(5)] + ["list/leaf"], keys

deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys + ["never there"]]})
assert [d["Key"] for d in deleted["Deleted"]] == keys + ["never there"], deleted
assert s3.list_objects_v2(Bucket=bucket, Prefix="list/")["KeyCount"] == 0

s3.create_bucket(Bucket="py-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == [bucket, "py-bucket"]
assert s3.get_bucket_location(Bucket="py-bucket")["LocationConstraint"] is None
s3.put_object(Bucket="py-bucket", Key="k", Body=b"")
refused(lambda: s3.delete_bucket(Bucket="py-bucket"), "BucketNotEmpty", 409)
s3.delete_object(Bucket="py-bucket", Key="k")
s3.delete_bucket(Bucket="py-bucket")
refused(lambda: s3.head_bucket(Bucket="py-bucket"), "404", 404)
refused(lambda: s3.create_bucket(Bucket="Not_A_Name"), "InvalidBucketName", 400)


# Presigned: by version 2, which this boto3 takes unless it is told otherwise, and by version 4.
def fetch(url, method="GET", data=None, headers={}):
    request = urllib.request.Request(url, method=method, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


for config, mark in ({}, "AWSAccessKeyId="), ({"signature_version": "s3v4"}, "X-Amz-Algorithm="):
    signer = client(**config)

    def url(operation, **parameters):
        made = signer.generate_presigned_url(operation, Params={"Bucket": bucket, **parameters}, ExpiresIn=60)
        assert mark in made, made
        return made

    assert fetch(url("get_object", Key=key)) == (200, b"%PDF-1.7")
    named = url("get_object", Key=key, ResponseContentDisposition='attachment; filename="ü.pdf"')
    with urllib.request.urlopen(named) as answer:
        assert answer.headers["content-disposition"].startswith("attachment"), answer.headers
    assert fetch(url("head_object", Key=key), "HEAD") == (200, b"")
    status, body = fetch(url("get_object", Key=key).replace("Zo%C3%AB", "Zoe"))
    assert status == 403 and b"SignatureDoesNotMatch" in body, body
    typed = url("put_object", Key="new", ContentType="text/plain")
    assert fetch(typed, "PUT", b"new", {"content-type": "text/html"})[0] == 403
    assert fetch(typed, "PUT", b"new", {"content-type": "text/plain"})[0] == 200
    assert s3.get_object(Bucket=bucket, Key="new")["Body"].read() == b"new"
    assert fetch(typed, "GET")[0] == 403
    assert fetch(url("delete_object", Key="new"), "DELETE") == (204, b"")
    listed = fetch(url("list_objects", Prefix="folder/"))
    assert listed[0] == 200 and listed[1].count(b"<Contents>") == 1, listed
    assert fetch(url("head_bucket"), "HEAD")[0] == 200

print("ok")
