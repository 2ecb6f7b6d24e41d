//! A statement: reads it, checks it, runs it, and passes its result on. All of it blocks.

use std::{
    io::{self, Read},
    os::fd::{AsRawFd, RawFd},
    sync::Arc,
    thread,
};

use super::{
    compression::{
        encoding::{Encoding, decoder},
        frame::{BlockReader, exception_of},
    },
    exception::{Exception, Kind},
    fence, form, handshake,
    incoming::Incoming,
    outgoing::{Outgoing, Packing},
    request::{Checksums, Options},
    running::{Statement, kill_by_comment},
    server::Shared,
    sessions::{Before, Held},
    settings,
    sql::{self, Insert, Refusal, Select},
};
use crate::embedded::chdb::{self, Analysis, Connection, Effect, Role, Statistics};

/// The format of results for which none is named.
const DEFAULT_FORMAT: &str = "TabSeparated";
/// Bytes of data that are given to the engine, or taken from it, at a time.
const PIECE: usize = 256 << 10;
/// The least to read of a body when more of the statement is needed.
const STATEMENT_PIECE: usize = 64 << 10;

/// A statement to run.
pub struct Job {
    /// What requests share.
    pub shared: Arc<Shared>,
    /// What its sender may do.
    pub role: Role,
    /// Whether it must change nothing.
    pub reads: bool,
    /// What the URL says.
    pub options: Options,
    /// The statement, or the rest of it, or its data.
    pub body: Incoming,
    /// How the body is encoded.
    pub encoding: Option<Encoding>,
    /// What separates the fields of the body, if it is a form.
    pub form: Option<String>,
    /// The encoding in which the client takes the result.
    pub accepted: Option<Encoding>,
    /// The statement as it can be stopped.
    pub statement: Arc<Statement>,
}

/// Runs it, and answers.
pub fn run(job: Job, mut outgoing: Outgoing) {
    let statement = Arc::clone(&job.statement);
    let ended = || statement.end();
    match job.run(&mut outgoing) {
        Ok(statistics) => outgoing.finish(statistics, ended),
        Err(exception) => outgoing.fail(&exception, ended),
    }
}

impl Job {
    fn run(mut self, outgoing: &mut Outgoing) -> Result<Statistics, Exception> {
        let packing = packing(&self.options, self.accepted, &self.shared.limits);
        outgoing.pack(packing).map_err(exception_of)?;
        let decoded = decoder(self.encoding, self.body).map_err(exception_of)?;
        let mut body: Box<dyn Read> = match self.options.decompress {
            None => decoded,
            Some(checksums) => {
                Box::new(BlockReader::new(decoded, checksums == Checksums::Verified))
            }
        };
        let limit = self.shared.limits.statement;
        if let Some(boundary) = &self.form {
            let form = read_form(&mut body, limit)?;
            self.options.take_form(form::fields(&form, boundary)?)?;
        }
        let (text, kind) = read_statement(&self.options.query, &mut body, limit)?;

        if let (sql::Statement::Select(_), Some(revision)) =
            (&kind, self.options.client_protocol_version)
            && handshake::is_handshake(&text)
        {
            outgoing.set_format("Native");
            let shared = &self.shared;
            let block = handshake::answer(revision, &shared.display_name, shared.engine.version());
            let _ = outgoing.write(&block);
            return Ok(Statistics::default());
        }

        // Only who may do everything has anything to keep between statements.
        let session = self.options.session.as_ref();
        let session = session.filter(|_| self.role == Role::Administrator);
        let mut held: Option<Held> = None;
        let mut kept: Option<Connection> = None;
        if let Some(session) = session {
            let taken = self.shared.sessions.take(session)?;
            (held, kept) = (Some(taken.0), taken.1);
        }
        let settings_stay = kept.is_some();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self
                .shared
                .engine
                .connect_as(self.role)
                .map_err(|error| Kind::LogicalError.exception(error.to_string()))?,
        };
        let before = match held {
            Some(_) => Some(Before::note(&mut connection, &self.options.settings)?),
            None => None,
        };
        let analysis = connection.analyse(statement_of(&text, &kind));
        if analysis.effect != Effect::Read {
            self.statement.writes();
        }
        let statement = Prepared {
            analysis,
            role: self.role,
            reads: self.reads,
            options: &self.options,
            text: &text,
            kind: &kind,
            in_session: held.is_some(),
            settings_stay,
            id: self.statement.id(),
        };
        let done = statement
            .set_up(&mut connection, &self.shared)
            .and_then(|()| {
                if self.statement.is_cancelled() {
                    return Err(Kind::QueryWasCancelled.exception("Query was cancelled"));
                }
                statement.execute(&mut connection, &mut body, &self.statement, outgoing)
            });
        if let (Some(held), Some(before)) = (held, before)
            && before.restore(&mut connection).is_ok()
        {
            held.keep(connection);
        }
        done
    }
}

/// The text without an insert's data.
fn statement_of<'t>(text: &'t [u8], kind: &sql::Statement) -> &'t [u8] {
    match kind {
        sql::Statement::Insert(insert) => &text[..insert.data],
        _ => text,
    }
}

fn packing(options: &Options, accepted: Option<Encoding>, limits: &super::Limits) -> Packing {
    let compresses = options.is_on("enable_http_compression", true);
    let level = options.setting("http_zlib_compression_level");
    let whole = options.wait_end_of_query || options.is_on("http_wait_end_of_query", false);
    Packing {
        framed: options.compress,
        encoding: accepted.filter(|_| compresses),
        level: level.and_then(|level| level.parse().ok()).unwrap_or(3),
        held: if whole {
            limits.held_to_the_end
        } else {
            limits.held
        },
    }
}

/// Reads a form to its end.
fn read_form(body: &mut dyn Read, limit: usize) -> Result<Vec<u8>, Exception> {
    let mut form = Vec::new();
    let read = body.take(limit as u64 + 1).read_to_end(&mut form);
    if read.map_err(exception_of)? > limit {
        return Err(too_long(limit));
    }
    Ok(form)
}

fn too_long(limit: usize) -> Exception {
    Kind::SyntaxError.exception(format!(
        "The statement is longer than {limit} bytes, not counting an insert's data"
    ))
}

/// Reads as much of the body as belongs to the statement; what is left of it is data.
fn read_statement(
    query: &[u8],
    body: &mut dyn Read,
    limit: usize,
) -> Result<(Vec<u8>, sql::Statement), Exception> {
    let mut text = query.to_vec();
    if !text.is_empty() {
        text.push(b'\n');
    }
    let mut complete = false;
    loop {
        if text.len() > limit {
            return Err(too_long(limit));
        }
        match sql::analyse(&text, complete) {
            Ok(Some(kind)) => return Ok((text, kind)),
            Ok(None) if complete => {
                return Err(
                    Kind::SyntaxError.exception("Syntax error: the statement ends too soon")
                );
            }
            Ok(None) => {}
            Err(refusal) => return Err(refused(refusal)),
        }
        // In ever larger pieces, so that a long statement is not read over and over.
        let wanted = text.len().max(STATEMENT_PIECE);
        let read = body.take(wanted as u64).read_to_end(&mut text);
        complete = read.map_err(exception_of)? < wanted;
    }
}

fn refused(refusal: Refusal) -> Exception {
    match refusal {
        Refusal::File => Kind::IntoOutfileNotAllowed.exception(
            "INTO OUTFILE and FROM INFILE are not allowed: they name files of the server",
        ),
        Refusal::Several => Kind::SyntaxError.exception("Multi-statements are not allowed"),
        Refusal::SemicolonBeforeData => Kind::SyntaxError
            .exception("Syntax error: a semicolon stands between the statement and its data"),
    }
}

/// A statement that has been read.
struct Prepared<'j> {
    role: Role,
    reads: bool,
    options: &'j Options,
    text: &'j [u8],
    kind: &'j sql::Statement,
    analysis: Analysis,
    in_session: bool,
    /// Whether the connection has its limits from an earlier statement, which may have set others.
    settings_stay: bool,
    id: &'j str,
}

impl Prepared<'_> {
    /// Checks it, and gives the connection its database and settings.
    fn set_up(&self, connection: &mut Connection, shared: &Shared) -> Result<(), Exception> {
        let text = statement_of(self.text, self.kind);
        let parameters = &self.options.parameters;
        fence::check(self.role, text, parameters, self.analysis, self.reads)?;
        if let Some(database) = &self.options.database {
            fence::check_database(self.role, database)?;
            let sql = format!("USE {}", settings::identifier(database));
            silently(connection, &sql)?;
        }
        let readonly = match self.role {
            Role::Reader => Some(1),
            // It could not be taken back, and the statement has been checked.
            _ if self.in_session => None,
            _ => self.reads.then_some(2),
        };
        let requested = &self.options.settings;
        let mut settings =
            settings::settings(self.role, &shared.limits, requested, self.id, readonly)?;
        if self.settings_stay {
            settings.retain(|(name, _)| name == "log_comment" || self.options.sets(name));
        }
        silently(connection, &settings::statement(&settings))?;
        Ok(())
    }

    fn execute(
        &self,
        connection: &mut Connection,
        body: &mut dyn Read,
        statement: &Arc<Statement>,
        outgoing: &mut Outgoing,
    ) -> Result<Statistics, Exception> {
        let wanted = self.options.default_format.as_deref();
        let default = wanted.unwrap_or(DEFAULT_FORMAT);
        match self.kind {
            sql::Statement::Insert(insert) => self.insert(connection, insert, body),
            sql::Statement::Select(select) if self.takes_destination(connection, select) => {
                outgoing.set_format(select.format.as_deref().unwrap_or(default));
                self.select(connection, select, default, statement, outgoing)
            }
            sql::Statement::Select(Select { format, .. }) | sql::Statement::Other { format } => {
                outgoing.set_format(format.as_deref().unwrap_or(default));
                let text = kill_by_comment(self.text);
                let result = connection.execute(&text, default, &self.options.parameters)?;
                if outgoing.write(result.data()).is_err() {
                    statement.cancel();
                }
                Ok(result.statistics())
            }
        }
    }

    fn insert(
        &self,
        connection: &mut Connection,
        insert: &Insert,
        body: &mut dyn Read,
    ) -> Result<Statistics, Exception> {
        let head = &self.text[..insert.head];
        let mut stream = connection.insert(head, &insert.format, &self.options.parameters)?;
        let mut data = self.text[insert.data..].chain(body);
        let mut piece = vec![0; PIECE];
        loop {
            match data.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => stream.append(&piece[..length])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(exception_of(error)),
            }
        }
        let written = stream.finish()?;
        Ok(Statistics {
            written,
            ..Statistics::default()
        })
    }

    /// Whether the statement goes on to be one with a destination. What does not parse does not,
    /// and is told so in the client's own words.
    fn takes_destination(&self, connection: &mut Connection, select: &Select) -> bool {
        let text = self.text_with_destination(select, 0);
        self.analysis.statements == 1 && connection.analyse(&text).statements == 1
    }

    /// The statement with a descriptor of this process for its destination.
    fn text_with_destination(&self, select: &Select, descriptor: RawFd) -> Vec<u8> {
        let destination = format!(" INTO OUTFILE '/dev/fd/{descriptor}' APPEND ");
        let (before, after) = self.text.split_at(select.destination);
        [before, destination.as_bytes(), after].concat()
    }

    /// Has the engine write the result into a pipe, in its format from the first byte to the
    /// last. What it gives in chunks is a result of its own in each.
    fn select(
        &self,
        connection: &mut Connection,
        select: &Select,
        format: &str,
        statement: &Arc<Statement>,
        outgoing: &mut Outgoing,
    ) -> Result<Statistics, Exception> {
        let no_pipe = |error: io::Error| {
            Kind::LogicalError.exception(format!("Cannot make a pipe for the result: {error}"))
        };
        let (mut result, input) = io::pipe().map_err(no_pipe)?;
        let text = self.text_with_destination(select, input.as_raw_fd());
        thread::scope(|scope| {
            let passing = thread::Builder::new()
                .name("result".into())
                .spawn_scoped(scope, || pass_on(&mut result, statement, outgoing))
                .map_err(no_pipe)?;
            let done = connection.execute(&text, format, &self.options.parameters);
            // The end of the result.
            drop(input);
            let passed = passing.join().expect("it does not panic");
            let statistics = done?.statistics();
            passed.map_err(no_pipe)?;
            Ok(statistics)
        })
    }
}

/// Passes on what comes through the pipe, to its end: whoever writes into it must not wait for
/// ever, also when nobody wants it any more.
fn pass_on(
    result: &mut impl Read,
    statement: &Arc<Statement>,
    outgoing: &mut Outgoing,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut wanted = true;
    loop {
        match result.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                if wanted && outgoing.write(&piece[..length]).is_err() {
                    wanted = false;
                    statement.cancel();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn silently(connection: &mut Connection, sql: &str) -> Result<(), chdb::Exception> {
    connection.execute(sql.as_bytes(), "Null", &[]).map(drop)
}
