"""Who may be written to: contacts, what they did, what they agreed to, and the files they came in."""

from audience.models.consent import OptChange, OptSetting, PhoneChoice, Subscription
from audience.models.contacts import Contact, ContactDate, ContactEvent, KnownProperty
from audience.models.uploads import Upload, UploadAccount, UploadError

__all__ = [
    "Contact",
    "ContactDate",
    "ContactEvent",
    "KnownProperty",
    "OptChange",
    "OptSetting",
    "PhoneChoice",
    "Subscription",
    "Upload",
    "UploadAccount",
    "UploadError",
]
