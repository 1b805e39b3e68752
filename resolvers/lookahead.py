"""Which fields a query asks for below the one being answered."""

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from resolvers.context import Info


def asked_below(info: Info) -> frozenset[str]:
    """The names of all fields at any depth below this one, fragments included.

    A resolver that answers with a page fetches with it, in one statement each, what the page's
    items will be asked for; their own resolvers then answer at once instead of waiting in turn.
    """
    raw = info._raw_info
    names: set[str] = set()
    followed: set[str] = set()
    waiting: list[SelectionSetNode | None] = [node.selection_set for node in raw.field_nodes]
    while waiting:
        selection_set = waiting.pop()
        for selection in selection_set.selections if selection_set else ():
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in followed:
                    followed.add(name)
                    waiting.append(raw.fragments[name].selection_set)
            if isinstance(selection, FieldNode):
                names.add(selection.name.value)
            if isinstance(selection, FieldNode | InlineFragmentNode):
                waiting.append(selection.selection_set)
    return frozenset(names)
