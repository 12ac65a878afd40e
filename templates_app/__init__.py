"""What may be sent: templates, as the BSP approved them or as somebody wrote them here.

`content` has the components and the rules for them, `gate` checks messages against a template, `imports`
takes over a BSP's list, `exchange` writes and reads files, `history` keeps the timeline, and `editor` is the
form for writing one by hand.
"""
