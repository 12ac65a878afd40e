"""python deploy/wait_for_web.py PORT: returns once the web at this port of 127.0.0.1 answers.

`systemctl restart` of one web returns then, so that the next one may be restarted. Where none ever answers,
the unit's TimeoutStartSec ends it.
"""

import sys
from http.client import HTTPConnection, HTTPException
from time import sleep

while True:
    try:
        connection = HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
        connection.request("GET", "/livez")
        if connection.getresponse().status == 200:
            break
    except (OSError, HTTPException):
        pass
    sleep(0.1)
