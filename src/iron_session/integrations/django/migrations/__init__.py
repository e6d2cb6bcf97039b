"""The history of the tables of `DjangoStore`."""
