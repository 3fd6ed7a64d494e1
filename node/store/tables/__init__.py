"""The tables, one file a concern. Importing this package registers all of them in `metadata`."""

from node.store.tables.accounts import Account, BrowserSession, SignInLink
from node.store.tables.adapters import SubmissionKey, WebhookEvent, WebhookReceiver
from node.store.tables.agreements import Agreement, AgreementPair
from node.store.tables.alarms import Alarm
from node.store.tables.cases import CaseEnd, CaseMember, CaseNumber, ExchangeCase
from node.store.tables.configuration import Configuration
from node.store.tables.delivery import Outbox, PeerDelivery
from node.store.tables.events import Event
from node.store.tables.feeds import CalendarFeed
from node.store.tables.log import LogEntryKey, LoggedEntry, LogState
from node.store.tables.messages import Message, Part
from node.store.tables.payloads import Payload, PayloadKey
from node.store.tables.peers import Peer, PeerCertificate
from node.store.tables.persons import PersonLink, SearchRow
from node.store.tables.programs import AssertionUse, KeyedAnswer, Program
from node.store.tables.recalls import Breach, ErasedRecord, Recall
from node.store.tables.reminders import Reminder
from node.store.tables.row import Row, metadata
from node.store.tables.scans import PartScan
from node.store.tables.terms import LocalTerms, PaperAct, TermsDraft

__all__ = [
    "Account",
    "Agreement",
    "AgreementPair",
    "Alarm",
    "AssertionUse",
    "Breach",
    "BrowserSession",
    "CalendarFeed",
    "CaseEnd",
    "CaseMember",
    "CaseNumber",
    "Configuration",
    "ErasedRecord",
    "Event",
    "ExchangeCase",
    "KeyedAnswer",
    "LocalTerms",
    "LogEntryKey",
    "LogState",
    "LoggedEntry",
    "Message",
    "Outbox",
    "PaperAct",
    "Part",
    "PartScan",
    "Payload",
    "PayloadKey",
    "Peer",
    "PeerCertificate",
    "PeerDelivery",
    "PersonLink",
    "Program",
    "Recall",
    "Reminder",
    "Row",
    "SearchRow",
    "SignInLink",
    "SubmissionKey",
    "TermsDraft",
    "WebhookEvent",
    "WebhookReceiver",
    "metadata",
]
