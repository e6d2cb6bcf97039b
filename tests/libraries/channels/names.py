"""What the site and those who visit it know."""

from typing import Final

COOKIE: Final = "visitor"
PASSWORD: Final = "the_password_of_these_tests_protects_nothing"
ADA: Final = "ada"
PASSWORD_OF_ADA: Final = "nobody guesses this"
