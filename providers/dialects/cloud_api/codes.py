"""Answers and error codes of Meta's Cloud API: what each one means for a message.

Source: Meta, "Error codes"; the choice of CleverTap's code is ours. The same code comes in the
answer, in a failed status, or in both, so one table serves both. Meta says to decide on the
code and never on the HTTP status, which differs from its own list in practice.
"""

from typing import NamedTuple

from lib.http import HttpResponse
from lib.reading import at, first, number, objects, text
from providers.messages import MARKETING_HOLD, SLOW_DOWN, Account, Cause, Outcome, ReportCode, SendResult
from providers.outcomes import EXCERPT, by_status, json_object, retry_after, stopped

LONGEST_CODE = 64
_LONGEST_USAGE_WAIT = 24 * 60.0  # minutes


class Meaning(NamedTuple):
    """What a code comes to when a send is answered with it, and CleverTap's code for a failed report.

    A code with an `account` is about the whole account and fails no message that is still to be sent. One
    that stops without an account is about marketing templates alone.
    """

    code: ReportCode
    outcome: Outcome = Outcome.REJECTED
    account: Account | None = None
    retry_after: float | None = None

    @property
    def cause(self) -> Cause:
        """What the code says in a failed report."""
        slow = self.outcome is Outcome.THROTTLED
        wait = (self.retry_after or SLOW_DOWN) if slow else None
        off = self.outcome is Outcome.STOPPED and self.account is None
        return Cause(self.code, self.account, wait, marketing_is_off=off)


def about_account(account: Account, code: ReportCode = ReportCode.CREDENTIALS) -> Meaning:
    """The meaning of a code that says what is wrong with the whole account."""
    return Meaning(code, Outcome.STOPPED, account)


_ACCOUNT = about_account(Account.CREDENTIALS)
_UNPAID = about_account(Account.PAYMENT)
_SENDER = about_account(Account.SENDER)
_RESTRICTED = about_account(Account.RESTRICTED, ReportCode.BLOCKED_BY_META)
_TEMPLATE = Meaning(ReportCode.TEMPLATE)
_TOO_FAST = Meaning(ReportCode.TOO_MANY, Outcome.THROTTLED)
_META_DOWN = Meaning(ReportCode.OTHER, Outcome.RETRY)
_HELD_BY_META = Meaning(ReportCode.BLOCKED_BY_META)
_WINDOW = Meaning(ReportCode.OUTSIDE_WINDOW)
_DEVICE = Meaning(ReportCode.DEVICE)
_PHONE = Meaning(ReportCode.PHONE)
_OTHER = Meaning(ReportCode.OTHER)

META_CODES: dict[str, Meaning] = {
    # The token, the app's permissions, or the number: every message would be refused.
    "0": _ACCOUNT,
    "3": _ACCOUNT,
    "10": _ACCOUNT,
    "33": _SENDER,  # the phone number id is wrong or was deleted
    "190": _ACCOUNT,
    **{str(code): _ACCOUNT for code in range(200, 300)},  # a permission on the asset is missing
    "131005": _ACCOUNT,
    "131031": about_account(Account.RESTRICTED),  # account locked
    "131037": _SENDER,  # no approved display name
    "131042": _UNPAID,
    "131044": _UNPAID,
    "131045": _SENDER,  # the number's certificate
    "133000": _SENDER,
    "133005": _SENDER,
    "133006": _SENDER,
    "133008": _SENDER,
    "133009": _SENDER,
    "133010": _SENDER,  # number not registered
    "133015": _SENDER,
    "133016": _SENDER,
    "134011": _UNPAID,  # payment terms not accepted
    # The whole sender is held back by Meta: it must stop as well.
    "368": _RESTRICTED,
    "131048": _RESTRICTED,
    # Marketing templates are switched off for the Cloud API. All others may still be sent.
    "131063": Meaning(ReportCode.BLOCKED_BY_META, Outcome.STOPPED, retry_after=MARKETING_HOLD),
    # The limit shrank for wrongly classified templates. Meta ends that automatically: ask once an hour.
    "131064": Meaning(ReportCode.BLOCKED_BY_META, Outcome.THROTTLED, retry_after=3600.0),
    # One recipient, country or campaign is held back.
    "130472": _HELD_BY_META,  # the user is in Meta's experiment without marketing
    "130497": _HELD_BY_META,  # country
    # The user's marketing cap. Meta wants a day before the next try, and limits accounts that retry sooner.
    "131049": _HELD_BY_META,
    "131061": _HELD_BY_META,  # a template with a maximum price, which this endpoint does not send
    "131050": Meaning(ReportCode.BLACKLISTED),  # the user stopped marketing messages
    # Too fast. Nothing was sent.
    "4": _TOO_FAST,
    "80007": _TOO_FAST,
    "80008": _TOO_FAST,
    "130429": _TOO_FAST,
    "80012": Meaning(ReportCode.TOO_MANY, Outcome.RETRY),  # calls about one template
    # Only this pair of numbers is slowed (one message in 6 s), so the provider must not be.
    "131056": Meaning(ReportCode.TOO_MANY, Outcome.RETRY, retry_after=6.0),
    # An error at Meta. Nothing was sent.
    "1": _META_DOWN,
    "2": _META_DOWN,
    "131000": _META_DOWN,
    "131016": _META_DOWN,
    "131027": _META_DOWN,  # the old number of 131000
    "131057": _META_DOWN,  # maintenance, about a minute
    "131059": _META_DOWN,  # only lists of templates have a cursor
    "133004": _META_DOWN,
    "134101": Meaning(ReportCode.TEMPLATE, Outcome.RETRY, retry_after=600.0),  # template syncing, 10 min
    # The template, or our use of it.
    "100": _TEMPLATE,
    "131008": _TEMPLATE,
    "131009": _TEMPLATE,
    "131055": _TEMPLATE,
    "131051": _TEMPLATE,  # a kind of message that WhatsApp does not know
    "131052": _TEMPLATE,  # the media, as 131053
    "131053": _TEMPLATE,
    "132000": _TEMPLATE,
    "132001": _TEMPLATE,
    "132005": _TEMPLATE,
    "132007": _TEMPLATE,
    "132008": _TEMPLATE,
    "132012": _TEMPLATE,
    "132015": _TEMPLATE,  # paused, also for a message that was held and then dropped
    "132016": _TEMPLATE,
    "132018": _TEMPLATE,
    "132068": _TEMPLATE,
    "132069": _TEMPLATE,
    "134100": _TEMPLATE,
    "134102": _TEMPLATE,
    "135000": _TEMPLATE,
    # The window, the recipient, the media.
    "470": _WINDOW,
    "130470": _WINDOW,
    "131047": _WINDOW,
    "1013": _PHONE,
    "131021": _PHONE,  # sender and recipient are the same
    "131062": _PHONE,  # this message needs a number, and a user id was given
    "131026": Meaning(ReportCode.UNAVAILABLE),
    "1026": _DEVICE,
    "131030": _PHONE,  # not on a test number's list of recipients
    "131060": _OTHER,
    "134103": _OTHER,
    "137000": _OTHER,  # the recipient's identity changed
}


# The values do not fit the template as Meta has it.
MISFITS = frozenset({"132000", "132008", "132012", "132018"})


def cause(code: str) -> Cause:
    """Why a message failed, by the code in its status."""
    return META_CODES.get(code, _OTHER).cause


def error_words(error: object) -> tuple[str, str]:
    """Code and text of an error object as answers (`error`) and statuses (`errors[]`) hold it.

    `{code, message | title, error_data: {details} | "details"}`, older ones `{code, title, details}`,
    or a bare string.
    """
    title = first(text(error, "message"), text(error, "title"), text(error))
    details = first(text(error, "error_data", "details"), text(error, "error_data"), text(error, "details"))
    words = title if details in title else ": ".join(filter(None, (title, details)))
    return text(error, "code")[:LONGEST_CODE], words[:EXCERPT]


def error_result(code: str, response: HttpResponse, words: str, *, transient: bool = False) -> SendResult:
    """The outcome for one of Meta's codes; an unlisted code goes by the HTTP status.

    `transient` is Meta's own `is_transient`, which says of an unlisted code that it may be retried.
    """
    meaning = META_CODES.get(code, _META_DOWN if transient else None)
    return by_status(response, words, code) if meaning is None else meant(meaning, code, response, words)


def meant(meaning: Meaning, code: str, response: HttpResponse, words: str) -> SendResult:
    """The outcome for an answer whose code has that meaning, whether Meta's code or the BSP's."""
    words = words or by_status(response).text
    if meaning.account:
        return stopped(meaning.account, code, words)
    wait = None
    if meaning.outcome in (Outcome.THROTTLED, Outcome.RETRY, Outcome.STOPPED):
        wait = retry_after(response) or _usage_wait(response) or meaning.retry_after
    rejected = meaning.outcome is Outcome.REJECTED
    return SendResult(
        meaning.outcome,
        code=meaning.code if rejected else None,
        bsp_code=code,
        text=words,
        retry_after=wait,
    )


def send_result(response: HttpResponse) -> SendResult:
    """The outcome of `POST /{phone-number-id}/messages`.

    Success is `{messages: [{id, message_status?}]}`, an error `{error: {code, message, …}}`.
    """
    answer = json_object(response.body)
    bsp_id = text(answer, "messages", 0, "id")
    if bsp_id and 200 <= response.status < 300:
        status = text(answer, "messages", 0, "message_status")
        # "held_for_quality_assessment" is accepted all the same; a status follows within hours.
        note = "" if status == "accepted" else status
        return SendResult(Outcome.ACCEPTED, bsp_id=bsp_id, text=note)
    error = at(answer, "error") or next(iter(objects(answer, "errors")), None)
    code, words = error_words(error)
    return error_result(code, response, words, transient=at(error, "is_transient") is True)


def _usage_wait(response: HttpResponse) -> float | None:
    """Seconds until calls are free again, from x-business-use-case-usage, which counts minutes.

    `{"<business id>": [{"estimated_time_to_regain_access": 12, …}, …]}`
    """
    usage = json_object(response.header("X-Business-Use-Case-Usage").encode("utf-8", "replace")) or {}
    minutes = [
        number(one, "estimated_time_to_regain_access") or 0.0 for key in usage for one in objects(usage, key)
    ]
    return min(max([0.0, *minutes]), _LONGEST_USAGE_WAIT) * 60 or None
