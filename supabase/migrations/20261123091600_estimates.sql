-- What an estimate of the next run is measured from.

-- An account's complete runs of one type, newest first, with what is needed to say how long they took.
create index runs_complete on public.runs (account_id, analysis_type, id desc) include (created_at, finished_at)
  where status = 'complete';
