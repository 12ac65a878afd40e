"""People and machines that sign in, and what they did.

sign_in       how people sign in: the choices that the library leaves to us
oidc          the organization's provider, whose groups become ours
factors       who must have a second factor, and taking one away
proof         whether somebody proved lately who they are
hashing       hashes passwords without holding what messages live on
passwords     which ones are guessed too soon
sessions      encrypts what lies in the database
devices       the browsers that people have signed in with, and a mail about a new one
tries         how often a password may be tried
own_page      a person's own sessions, factors and tokens
context       what the admin's layout needs on the library's pages
dressing      the library's forms in the looks of the admin's
models        tokens, the trail, and the cache in which attempts are counted
append_only   the trigger that keeps the trail as it was written
scopes        what a token may be for; pure
tokens        adding, finding and revoking them
trail         who did and saw what: written where it is done
upkeep        forgets sessions, tries and tokens that are over
signals       sign-ins, for the trail
middleware    looks at whole phone numbers, for the trail
site          the admin's site, by which `lib.admin` reaches the trail
api           what every API for machines starts from: who asks, and whether they may
"""
