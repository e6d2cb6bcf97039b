"""Login codes whose guesses are counted where no older cookie can set them back."""

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.forms import ConfirmLoginCodeForm
from django.core.cache import cache
from django.utils.crypto import salted_hmac


class CountedForm(ConfirmLoginCodeForm):
    """Take a code once, and a few guesses at it, whatever the session says.

    ACCOUNT_FORMS = {"confirm_login_code": "….CountedForm"}
    """

    def clean_code(self) -> str:
        key = salted_hmac("login code", self.expected_code or "").hexdigest()
        most, timeout = app_settings.LOGIN_BY_CODE_MAX_ATTEMPTS, app_settings.LOGIN_BY_CODE_TIMEOUT
        cache.add(key, 0, timeout)
        if cache.incr(key) > most:
            # Not that there were too many: it would tell which addresses have an account.
            raise get_adapter().validation_error("incorrect_code")
        code = super().clean_code()
        cache.set(key, most, timeout)  # it is used
        return code
