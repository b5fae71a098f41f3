//! What to do: reconcile the mesh with what is there, apply the plan, keep the journal.
