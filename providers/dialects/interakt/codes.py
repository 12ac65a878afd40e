"""Interakt's answers: what each one means for a message.

Source: Interakt, "Template sending APIs"; the choice of CleverTap's code is ours. Failed statuses carry
Meta's error codes.
"""

from lib.http import HttpResponse
from lib.reading import at, text
from providers.messages import Account, Outcome, ReportCode, SendResult
from providers.outcomes import (
    EXCERPT,
    AccountReasons,
    Reasons,
    accepted,
    by_status,
    json_object,
    refused_with,
)

# Interakt refuses with a sentence and no code. Looked for in this order.
ACCOUNT_REASONS: AccountReasons = (
    (("api key", "apikey", "unauthorized"), Account.CREDENTIALS),
    (("balance", "wallet", "credits", "recharge"), Account.PAYMENT),
    (("subscription", "plan has expired", "account is disabled", "account is suspended"), Account.RESTRICTED),
)
REASONS: Reasons = (
    (("24 hour", "24 hr", "24-hour"), ReportCode.OUTSIDE_WINDOW),
    (("template", "variable", "language", "headervalues", "bodyvalues", "button"), ReportCode.TEMPLATE),
    (("phone", "country code", "countrycode"), ReportCode.PHONE),
)


def send_result(response: HttpResponse) -> SendResult:
    """Success is 201 with `{result: true, message, id}`, refusal `{result: false, message}`."""
    answer = json_object(response.body)
    ok, bsp_id = 200 <= response.status < 300, text(answer, "id")
    refused = at(answer, "result") is False
    if ok and bsp_id and not refused:
        return accepted(bsp_id)
    words = text(answer, "message")[:EXCERPT]
    result = by_status(response, words)
    # The status says that the message was refused, only the sentence says why.
    if result.outcome is Outcome.REJECTED or (ok and refused):
        return refused_with(words, REASONS, ACCOUNT_REASONS, result.bsp_code, result.text)
    return result
