"""SQL about orders that other contexts build on."""

# An order that came to an agent itself. The second half says what the index of these orders is of:
# without it the planner does not use that index, and reads every order that there is.
OF_AGENT = "{order}.agent_chain[1] = {agent} AND {order}.agent_chain <> '{{}}'"
