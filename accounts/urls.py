"""A person's own pages. Of the library's only those that are of use here: nobody signs up."""

from allauth.account import views as account
from allauth.socialaccount import views as socialaccount
from django.urls import include, path
from django.views.generic import RedirectView

from accounts import own_page

to_sign_in = RedirectView.as_view(pattern_name="account_login")

urlpatterns = [
    path("", own_page.page, name="account"),
    path("tokens/", own_page.add_token, name="account_add_token"),
    path("tokens/<int:pk>/revoke/", own_page.revoke_token, name="account_revoke_token"),
    path("sessions/<int:pk>/end/", own_page.end_session, name="account_end_session"),
    path("factors/", include("allauth.mfa.urls")),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("signup/", to_sign_in, name="account_signup"),
    path("oidc/signup/", to_sign_in, name="socialaccount_signup"),
    path("oidc/error/", socialaccount.login_error, name="socialaccount_login_error"),
    path("oidc/cancelled/", to_sign_in, name="socialaccount_login_cancelled"),
    path("", include("allauth.socialaccount.providers.openid_connect.urls")),
]
