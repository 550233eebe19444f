"""What people thought of what was done for them: a thumb and a reason, stored with the job, summed up once a week."""

from runbooks.feedback.actions import forget_people, give_feedback, list_feedback
from runbooks.feedback.weekly import FEEDBACK_WEEK

__all__ = ["FEEDBACK_WEEK", "forget_people", "give_feedback", "list_feedback"]
