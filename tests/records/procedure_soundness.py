"""What has to hold of every procedure that loads, worked out anew for tests: by a walk through its states, without the
node's own checks."""

from collections.abc import Iterable, Iterator

from node.records.procedures import BY_TERMS, EITHER, PREVIOUS, ROLES, Period, Procedure, Transition

Move = tuple[str, str]


def faults(procedure: Procedure) -> list[str]:
    """What is wrong with it, in words; empty where nothing is."""
    reached = _walk([procedure.start], [move for one in procedure.transitions for move in _moves(procedure, one)]
                    + list(_ends(procedure)))  # fmt: skip
    return [
        *(f"{state} is never reached" for state in procedure.states if state not in reached),
        *_ambiguous(procedure),
        *_without_order(procedure, reached),
        *_ends_that_never_come(procedure, reached),
    ]


def _roles(who: str) -> tuple[str, ...]:
    return ROLES if who == EITHER or who.startswith(BY_TERMS) else (who,)


def _before(procedure: Procedure, state: str) -> set[str]:
    return {source for one in procedure.transitions if one.target == state for source in one.sources}


def _moves(procedure: Procedure, one: Transition) -> Iterator[Move]:
    for source in one.sources:
        if one.undoes:
            undone = {
                state for done in procedure.transitions if done.act in one.of and done.target for state in done.sources
            }
            yield from ((source, state) for state in undone)
        elif one.target == PREVIOUS:
            yield from ((source, state) for state in _before(procedure, source))
        else:
            yield source, one.target or source


def _ends(procedure: Procedure) -> Iterator[Move]:
    for period in procedure.periods.values():
        for effect in period.effects:
            yield from ((state, effect.target or state) for state in effect.sources or period.runs_in)


def _walk(starts: Iterable[str], moves: Iterable[Move]) -> set[str]:
    known, reached = set(moves), set(starts)
    while more := {target for source, target in known if source in reached} - reached:
        reached |= more
    return reached


def _ambiguous(procedure: Procedure) -> Iterator[str]:
    for state in procedure.states:
        for role in ROLES:
            for act in procedure.acts:
                fits = [one for one in procedure.steps(state, act) if role in _roles(one.who)]
                for about in {None, *(name for one in fits for name in one.of)}:
                    meant = [one for one in fits if not one.of or about in one.of]
                    if len(meant) > 1:
                        yield f"{act} about {about} by {role} in {state} fits {len(meant)} transitions"


def _without_order(procedure: Procedure, reached: set[str]) -> Iterator[str]:
    alone: dict[str, dict[str, set[str]]] = {role: {} for role in ROLES}
    for role in ROLES:
        moves = [
            move for one in procedure.transitions if role in _roles(one.who) and not one.consent
            for move in _moves(procedure, one)
        ]  # fmt: skip
        for state in reached:
            comes_to = _walk([state], [*moves, *_ends(procedure)])
            alone[role][state] = {
                one.act for one in procedure.transitions if role in _roles(one.who) and comes_to & set(one.sources)
            }
    first, second = ROLES
    pairs = {(a, b) for state in reached for a in alone[first][state] for b in alone[second][state] if a != b}
    yield from (f"{a} and {b} cross without an order" for a, b in sorted(pairs) if procedure.is_first(a, b) is None)


def _ends_that_never_come(procedure: Procedure, reached: set[str]) -> Iterator[str]:
    for period in procedure.periods.values():
        running = _running(procedure, period) & reached
        for effect in period.effects:
            if not running & set(effect.sources or period.runs_in):
                yield f"{period.name} never runs where its end leads to {effect.target}"


def _running(procedure: Procedure, period: Period) -> set[str]:
    """The states in which it may run: those that what starts it leads to, and on from there while it runs."""
    starts = {
        target
        for one in procedure.transitions
        if period.name in (*one.starts, *one.revives)
        for _, target in _moves(procedure, one)
    } | {
        effect.target or state
        for other in procedure.periods.values()
        for effect in other.effects
        if period.name in effect.starts
        for state in effect.sources or other.runs_in
    }
    moves = [
        move
        for one in procedure.transitions
        if period.name not in one.ends
        for move in _moves(procedure, one)
        if move[1] in period.runs_in
    ]
    return _walk(starts & period.runs_in, moves)
