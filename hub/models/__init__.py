"""Tables, one file per noun. Importing this package declares them all."""

from hub.models.address import Address
from hub.models.agent import Agent, AgentDefinition, AgentVersion
from hub.models.asking import Question, Verification
from hub.models.call import Command, Recording
from hub.models.change import AuditEntry, CustomerChange, Tombstone
from hub.models.credential import Credential, Secret
from hub.models.customer import Consent, Customer, Identity
from hub.models.customer_import import CustomerImport
from hub.models.file import StoredFile
from hub.models.inbox import CannedAnswer, Mention, SavedView
from hub.models.interaction import Event, Interaction, Message, Tag
from hub.models.knowledge import Knowledge, KnowledgeAgent
from hub.models.mail import Mail
from hub.models.replay import Replay
from hub.models.result import Outcome, ResultCase, ResultField, ResultValue
from hub.models.saved_test import SavedTest
from hub.models.share import Share
from hub.models.skill import Skill
from hub.models.team import Team, TeamDefinition
from hub.models.tool_call import Callback, ToolCall, ToolSecret
from hub.models.transit import FetchEntry, InboxEntry, Node, OutboxEntry
from hub.models.usage import Price, UsageEntry
from hub.models.workspace import ApiKey, SignInAttempt, User, UserSession, Workspace

__all__ = [
    "Address", "Agent", "AgentDefinition", "AgentVersion", "ApiKey", "AuditEntry", "Callback", "CannedAnswer",
    "Command", "Consent", "Credential", "Customer", "CustomerChange", "CustomerImport", "Event", "FetchEntry",
    "Identity", "InboxEntry", "Interaction", "Knowledge", "KnowledgeAgent", "Mail", "Mention", "Message", "Node",
    "OutboxEntry", "Outcome", "Price", "Question", "Recording", "Replay", "ResultCase", "ResultField",
    "ResultValue", "SavedTest", "SavedView", "Secret", "Share", "SignInAttempt", "Skill", "StoredFile", "Tag",
    "Team", "TeamDefinition", "Tombstone", "ToolCall", "ToolSecret", "UsageEntry", "User", "UserSession",
    "Verification", "Workspace",
]  # fmt: skip
