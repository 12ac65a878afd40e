"""What is raised for a body that cannot be read, and for a message that will not be sent."""

from providers.messages.codes import AnswerCode


class Malformed(Exception):
    """A body that cannot be read as what it should be. The text says what was wrong."""


class Refused(Exception):
    """A message that will not be sent, with the code CleverTap is told and the part named."""

    def __init__(self, code: AnswerCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Unsupported(Refused):
    """A part of the message that this BSP cannot express."""

    def __init__(self, message: str) -> None:
        super().__init__(AnswerCode.TEMPLATE, message)
