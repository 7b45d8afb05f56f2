"""DynamoDB clients with the manners of bad days: real ones, that fail where they are told to."""

from botocore.exceptions import ReadTimeoutError

WRITES = {"put_item", "delete_item", "update_item", "batch_write_item", "transact_write_items"}


class Killed(BaseException):
    """The writer's process is gone: nothing of it runs after this."""


class Client:
    """Passes every request on; a subclass says what happens on the way."""

    def __init__(self, client):
        self._client = client
        self.requests = []

    def __getattr__(self, name):
        real = getattr(self._client, name)

        def request(**arguments):
            self.requests.append(name)
            return self.answer(name, real, arguments)

        return request

    def answer(self, name, real, arguments):
        return real(**arguments)


class StoppingClient(Client):
    """The process is killed instead of making write number *after* + 1."""

    def __init__(self, client, after):
        super().__init__(client)
        self._left = after

    def answer(self, name, real, arguments):
        if name in WRITES:
            if not self._left:
                raise Killed
            self._left -= 1
        return real(**arguments)


class LosingClient(Client):
    """The first *times* transactions are done, but their answers are lost."""

    def __init__(self, client, times=1):
        super().__init__(client)
        self._times = times

    def answer(self, name, real, arguments):
        response = real(**arguments)
        if name == "transact_write_items" and self._times:
            self._times -= 1
            raise ReadTimeoutError(endpoint_url="http://127.0.0.1")
        return response


class DroppingClient(Client):
    """The first *times* transactions are lost on their way."""

    def __init__(self, client, times=1):
        super().__init__(client)
        self._times = times

    def answer(self, name, real, arguments):
        if name == "transact_write_items" and self._times:
            self._times -= 1
            raise ReadTimeoutError(endpoint_url="http://127.0.0.1")
        return real(**arguments)


class ThrottledClient(Client):
    """Each batch read answers half of what it is asked, and leaves the rest unprocessed."""

    def answer(self, name, real, arguments):
        if name != "batch_get_item":
            return real(**arguments)
        asked = {table: dict(request) for table, request in arguments["RequestItems"].items()}
        left = {}
        for table, request in asked.items():
            half = (len(request["Keys"]) + 1) // 2
            if request["Keys"][half:]:
                left[table] = {**request, "Keys": request["Keys"][half:]}
            request["Keys"] = request["Keys"][:half]
        return {**real(RequestItems=asked), "UnprocessedKeys": left}


class LaggingClient(Client):
    """The indexes have not seen anything yet."""

    def answer(self, name, real, arguments):
        response = real(**arguments)
        return {**response, "Items": []} if "IndexName" in arguments else response


class PausingClient(Client):
    """Calls *at* once, just before write number *after* + 1: somebody else is faster."""

    def __init__(self, client, after, at):
        super().__init__(client)
        self.left = after
        self._at = at

    def answer(self, name, real, arguments):
        if name in WRITES:
            if not self.left:
                at, self._at = self._at, lambda: None
                at()
            self.left -= 1
        return real(**arguments)
