"""A table for the admins to list."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool


class Base(DeclarativeBase):
    """The tables."""


class Customer(Base):
    """Somebody to be listed."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@contextmanager
def one_customer() -> Iterator[Engine]:
    """Return a database in memory, in which Jane Doe is a customer."""
    engine = create_engine(
        "sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool
    )
    Base.metadata.create_all(engine)
    with Session(engine) as database:
        database.add(Customer(name="Jane Doe"))
        database.commit()
    yield engine
    engine.dispose()
