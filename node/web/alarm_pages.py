"""The list of what waits for a person, one of these, and settling it with a note."""

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from node.access import Act
from node.exchange.alarms import NOTE_LIMIT, AlarmSettled, NoteRefused
from node.web.alarms import StoredAlarms
from node.web.render import Templates
from node.web.views import AlarmRow
from node.web.visits import Visit

_LARGEST_ID = 2**63 - 1


class AlarmPages:
    def __init__(self, templates: Templates, alarms: StoredAlarms) -> None:
        self._templates = templates
        self._alarms = alarms

    def list(self, visit: Visit) -> Response:
        query = visit.request.query_params
        after, settled = (_number(query.get(name)) for name in ("after", "settled"))
        found = self._alarms.open(visit.signed_in, after)
        done = self._alarms.one(visit.signed_in, settled) if settled else None
        t = self._templates
        return t.page(
            "alarms.html",
            visit,
            here="alarms",
            list=found,
            settles=visit.may(Act.SETTLE_ALARM),
            done=done if done is not None and done.settled is not None else None,
            summary=t.language.ngettext(
                "%(n)s thing waits for a person. Nothing is lost; it says what to do.",
                "%(n)s things wait for a person, the oldest first. Nothing is lost; each says what to do.",
                visit.alarms,
            ),
        )

    def alarm(self, visit: Visit) -> Response:
        return self._page(visit, self._found(visit))

    def settle(self, visit: Visit) -> Response:
        """POST: settle it; asked again, it says that it is settled already."""
        found = self._found(visit)
        # A browser sends line ends; the note is one line.
        note = " ".join(visit.form.get("note", "").split())
        _ = self._templates.language.gettext
        try:
            visit.context.settle_alarm(str(found.id), note, visit.signed_in.handle)
        except NoteRefused:
            wrong = _("Say what was found and done, in 1 to %(limit)s letters", limit=NOTE_LIMIT)
            return self._page(visit, found, 422, note, wrong)
        except AlarmSettled:
            return self._page(visit, self._found(visit), 409)
        return RedirectResponse(f"/queue?settled={found.id}", 303)

    def _found(self, visit: Visit) -> AlarmRow:
        alarm = visit.request.path_params["id"]
        found = self._alarms.one(visit.signed_in, alarm) if alarm <= _LARGEST_ID else None
        if found is None:
            raise HTTPException(404)
        return found

    def _page(self, visit: Visit, row: AlarmRow, status: int = 200, note: str = "", wrong: str = "") -> Response:
        return self._templates.page(
            "alarm.html",
            visit,
            status,
            here="alarm",
            row=row,
            note=note,
            wrong=wrong,
            limit=NOTE_LIMIT,
            settles=visit.may(Act.SETTLE_ALARM),
        )


def _number(text: str | None) -> int:
    """An id in an address; 0 when there is none. Raises HTTPException for what no page gave."""
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > _LARGEST_ID:
        raise HTTPException(404)
    return int(text)
