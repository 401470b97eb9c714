"""Runs a worker's handler for `--worker exec:`: an event a line on stdin, its answer a line on stdout."""
import importlib
import json
import sys

handler = importlib.import_module(sys.argv[1]).handler
for line in sys.stdin:
    try:
        answer = handler(json.loads(line), None)
    except Exception as error:
        answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
    print(json.dumps(answer), flush=True)
