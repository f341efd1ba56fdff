// Postgres through node-postgres, the driver that Hyperdrive supports. Bundled by `cargo xtask build`, because it is many
// files in another module format.
//
// Promises: a call is one statement on one connection, sent once; after `timeoutMs` it is given up together with its
// connection; a connection that failed is never used again.
import Client from "pg/lib/client.js";
import { CloudflareSocket } from "pg-cloudflare";

// pg corks its stream around the five messages of a statement. Its socket for Workers ignores that and writes each by itself;
// here they leave as one.
class CorkedSocket extends CloudflareSocket {
  held = null;

  cork() {
    this.held = [];
  }

  uncork() {
    const { held } = this;
    this.held = null;
    if (held?.length) super.write(Buffer.concat(held));
  }

  write(data, encoding, callback) {
    if (!this.held) return super.write(data, encoding, callback);
    this.held.push(typeof data === "string" ? Buffer.from(data) : data);
    return true;
  }
}

// Every answer is one text, read by Rust.
const AS_TEXT = { getTypeParser: () => (text) => text };

// What Rust is told of an error. A message is left out: it could quote a value.
function fault(error) {
  if (!error?.severity) return { sqlstate: "", names: "" }; // not the database's word: the connection failed
  const names = [error.table, error.column, error.constraint, error.routine];
  return { sqlstate: error.code ?? "", names: names.filter(Boolean).join(" ") };
}

export class Database {
  #address;
  #timeoutMs;
  #isKept;
  #connection; // a promise of the client that calls share
  #calls = 0;

  // With isKept, calls that follow each other share a connection until `end`; without, it ends when no call is left on it.
  constructor(address, timeoutMs, isKept) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    this.#isKept = isKept;
  }

  // The one text that the statement answers. Rejects with `fault`.
  async query(text, values) {
    const connection = (this.#connection ??= this.#connect());
    this.#calls++;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("no answer in time")), this.#timeoutMs);
    });
    try {
      const statement = { text, values, rowMode: "array", types: AS_TEXT, queryMode: "extended" };
      const answer = connection.then((client) => client.query(statement));
      answer.catch(() => {}); // it may lose the race and fail later
      const { rows } = await Promise.race([answer, late]);
      return rows[0][0];
    } catch (error) {
      if (error?.severity !== "ERROR") this.#drop(connection); // FATAL, PANIC, or no word of the server's at all
      throw fault(error);
    } finally {
      clearTimeout(timer);
      if (--this.#calls === 0 && !this.#isKept) this.end();
    }
  }

  // Closes the connection, if there is one.
  end() {
    this.#drop(this.#connection);
  }

  #connect() {
    const client = new Client({ connectionString: this.#address, stream: () => new CorkedSocket(false) });
    const connection = client.connect().then(() => client);
    // Without a listener, a lost socket would be an uncaught error.
    client.on("error", () => this.#drop(connection));
    client.on("end", () => this.#drop(connection));
    return connection;
  }

  #drop(connection) {
    if (connection === undefined || this.#connection !== connection) return;
    this.#connection = undefined;
    connection.then((client) => client.end()).catch(() => {});
  }
}
