"""stomp.py, driven by the tests: a command a line on standard input, as JSON, and an answer or an event a line on
standard output. Bodies are in base64. It ends when standard input does.
"""
import base64
import itertools
import json
import queue
import sys
import threading

import stomp

CONNECTIONS = {"1.0": stomp.StompConnection10, "1.1": stomp.StompConnection11, "1.2": stomp.StompConnection12}
LIMIT = 30  # seconds for whatever the broker has to answer
writing = threading.Lock()
numbers = itertools.count(1)


def say(**line):
    with writing:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class Peer(stomp.ConnectionListener):
    """One connection, and what it has been told."""

    def __init__(self):
        self.connection = None
        self.version = None
        self.receipts = {}
        self.connected = queue.Queue()
        self.answering = {}  # by subscription: the transformation of a request into its reply

    def on_connected(self, frame):
        self.connected.put(frame.headers)

    def on_receipt(self, frame):
        self.receipts[frame.headers["receipt-id"]].set()

    def on_error(self, frame):
        self.connected.put(None)
        say(event="error", headers=frame.headers)

    def on_disconnected(self):
        self.connected.put(None)
        for receipt in list(self.receipts.values()):
            receipt.set()
        say(event="disconnected")

    def on_message(self, frame):
        if frame.headers.get("subscription") in self.answering:
            reply = {"correlation-id": frame.headers["correlation-id"], "x-by": "stomp.py"}
            self.connection.send(frame.headers["reply-to"], frame.body.upper(), "text/plain", reply)
        else:
            say(event="message", headers=frame.headers, body=base64.b64encode(frame.body).decode("ascii"))

    def confirmed(self, act):
        """Do something with a receipt, and wait for that."""
        receipt = "r-%d" % next(numbers)
        came = self.receipts[receipt] = threading.Event()
        act(receipt)
        if not came.wait(LIMIT):
            raise TimeoutError("no receipt")
        del self.receipts[receipt]
        if not self.connection.is_connected():
            raise ConnectionError("the connection ended before the receipt")

    def connect(self, port, version, login, passcode, host):
        make = CONNECTIONS[version]
        options = {} if version == "1.0" else {"vhost": host}
        # Without a limit stomp.py tries again and again.
        self.connection = make(
            [("127.0.0.1", port)], reconnect_attempts_max=1, auto_decode=False, **options
        )
        self.version = version
        self.connection.set_listener("peer", self)
        self.connection.connect(login, passcode, wait=False)
        headers = self.connected.get(timeout=LIMIT)
        if headers is None:
            raise ConnectionError("not connected")
        return headers

    def subscribe(self, destination, id, ack, answer=False, headers=None):
        if answer:
            self.answering[id] = True
        self.confirmed(lambda receipt: self.connection.subscribe(
            destination, id=id, ack=ack, headers=headers or {}, receipt=receipt))

    def send(self, destination, body, headers, transaction=None):
        more = {"transaction": transaction} if transaction else {}
        octets = base64.b64decode(body)
        if transaction:
            self.connection.send(destination, octets, headers=headers, **more)
        else:
            self.confirmed(lambda receipt: self.connection.send(
                destination, octets, headers=headers, receipt=receipt))

    def settle(self, verb, headers, transaction=None):
        settle = getattr(self.connection, verb)
        if self.version == "1.0":
            names = [headers["message-id"]]
        elif self.version == "1.1":
            names = [headers["message-id"], headers["subscription"]]
        else:
            names = [headers["ack"]]
        if transaction:
            settle(*names, transaction=transaction)
        else:
            self.confirmed(lambda receipt: settle(*names, receipt=receipt))

    def begin(self, transaction):
        self.confirmed(lambda receipt: self.connection.begin(transaction, receipt=receipt))

    def commit(self, transaction):
        self.confirmed(lambda receipt: self.connection.commit(transaction, receipt=receipt))

    def abort(self, transaction):
        self.confirmed(lambda receipt: self.connection.abort(transaction, receipt=receipt))

    def drop(self):
        """End the connection without a DISCONNECT."""
        self.connection.transport.disconnect_socket()


def main():
    peer = Peer()
    for line in sys.stdin:
        command = json.loads(line)
        number = command.pop("number")
        try:
            say(number=number, value=getattr(peer, command.pop("op"))(**command))
        except Exception as error:
            say(number=number, error="%s: %s" % (type(error).__name__, error))


main()
