"""The people of the admin's tests, for the template pages."""

from tests.admin.conftest import looker, operator, operator_user, signed_in

__all__ = ["looker", "operator", "operator_user", "signed_in"]
