"""Reads a file of signed vectors, verifies each as a callback receiver does, and prints {"name": "accept" | "refuse"}."""
import base64, hashlib, hmac, json, sys


def verdict(vector):
    body, secret = base64.b64decode(vector["body_base64"]), vector["secret"]
    signature = vector["headers"].get("x-signature", "")
    by_token = vector["dialect"] == "plugin"
    if not by_token and not (secret and hmac.compare_digest(hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(), signature)):
        return "refuse"
    try:
        payload = json.loads(body.decode("utf-8"))
        json.dumps(payload, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair fails here
    except ValueError:
        return "refuse"
    if not isinstance(payload, dict):
        return "refuse"
    if by_token:
        token = payload.get("token")
        return "accept" if isinstance(token, str) and token and hmac.compare_digest(secret.encode(), token.encode()) else "refuse"
    stamp = payload.get("timestamp")
    fresh = type(stamp) is int and abs(vector["now"] - stamp) <= 300
    return "accept" if fresh or vector["dialect"] != "spec" else "refuse"


with open(sys.argv[1], encoding="utf-8") as file:
    print(json.dumps({vector["name"]: verdict(vector) for vector in json.load(file)["vectors"]}))
