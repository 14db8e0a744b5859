"""Errors that are meant for the user."""

from collections.abc import Sequence


class RnnpipeError(Exception):
    """An error that the user can correct; its message is enough, without a traceback."""


class UnknownNameError(RnnpipeError, KeyError):
    """A name that a mapping does not have."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show its repr


class CorpusError(RnnpipeError):
    """All problems of a corpus together.

    Parameters
    ----------
    problems : sequence of str
        One line each, naming the file and the cause.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(one_line(problem) for problem in problems)
        super().__init__("\n".join(self.problems))


def one_line(text: str) -> str:
    r"""Escape characters that cannot be printed on one line, such as those in a file's name.

    Line ends become \n and \r; bytes of a name that are not UTF-8 become \udcff and similar.
    """
    text = text.replace("\n", "\\n").replace("\r", "\\r")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
