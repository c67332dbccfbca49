"""What is installed in a rehearsal's database so that the server's log tells of each change to the schema.

A line in the log survives a ROLLBACK, which a row would not, and leaves no trace in the schema. Triggers are ENABLE
ALWAYS: `session_replication_role = replica` would switch others off.
"""

OBSERVER = "ks_observer"
"""The superuser: that of the rehearsal's own connections, which the log and the triggers leave out."""
SCHEMA = "ksu_rehearsal"
MARK = "ksu-rehearsal "
"""What the triggers' lines in the log begin with."""

EVENTS = ("ddl_command_start", "ddl_command_end", "sql_drop", "table_rewrite")

_FUNCTION = f"""
CREATE SCHEMA {SCHEMA};
GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC;
CREATE FUNCTION {SCHEMA}.observe() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning SET auto_explain.log_min_duration = -1 AS $$
DECLARE
  began timestamptz := clock_timestamp();
  context text;
  told jsonb;
BEGIN
  GET DIAGNOSTICS context = PG_CONTEXT;
  told := jsonb_build_object(
    'event', TG_EVENT, 'tag', TG_TAG, 'lsn', pg_current_wal_insert_lsn() - '0/0'::pg_lsn,
    'lock_timeout', current_setting('lock_timeout'), 'context', context,
    'locks', (SELECT jsonb_agg(jsonb_build_array(relation::int8, mode)) FROM pg_locks
              WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted AND relation >= 16384),
    'read', (SELECT jsonb_object_agg(t.relid, pg_stat_get_xact_tuples_returned(t.relid))
             FROM (SELECT oid AS relid FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'm', 'p', 't')) t
             WHERE pg_stat_get_xact_tuples_returned(t.relid) > 0));
  IF TG_EVENT = 'table_rewrite' THEN
    told := told || jsonb_build_object('rewritten', pg_event_trigger_table_rewrite_oid()::bigint);
  ELSIF TG_EVENT = 'sql_drop' THEN
    told := told || jsonb_build_object('dropped', (SELECT jsonb_agg(jsonb_build_array(object_type, object_identity))
      FROM pg_event_trigger_dropped_objects() WHERE original));
  END IF;
  told := told || jsonb_build_object('took_ms', extract(epoch FROM clock_timestamp() - began) * 1000);
  RAISE LOG '{MARK}%', told;
END $$;
"""

INSTRUMENTS = _FUNCTION + "".join(
    f"CREATE EVENT TRIGGER {SCHEMA}_{event} ON {event} EXECUTE FUNCTION {SCHEMA}.observe();"
    f"ALTER EVENT TRIGGER {SCHEMA}_{event} ENABLE ALWAYS;"
    for event in EVENTS
)
