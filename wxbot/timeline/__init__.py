"""One person's story for staff: everything that happened, and the answer to "why did this one not get it"."""
