#!/usr/bin/env node
// A client program for lvs-matrix: a pool of mysql2, the driver of Node.js (npm install mysql2, beside this file).
//
// It speaks the protocol of docs/client-programs.md: requests come as lines of JSON on standard input, what came of them
// goes as lines of JSON to standard output. It does not say when the pool opens a connection, or another one after an error:
// that is found in the packets.
'use strict'

const os = require('node:os')
const readline = require('node:readline')
const mysql = require('mysql2')

const say = (event) => process.stdout.write(JSON.stringify(event) + '\n')

// Settings come in seconds, mysql2 counts in milliseconds. What is not set is left to mysql2 (connectTimeout: 10 s).
const milliseconds = (name) => {
  const text = process.env['LVS_MATRIX_' + name]
  return text === undefined ? undefined : Math.round(Number(text) * 1000)
}
const connectTimeout = milliseconds('CONNECT_TIMEOUT')
const readTimeout = milliseconds('READ_TIMEOUT')

let pool

function openPool () {
  const options = {
    host: process.env.LVS_MATRIX_HOST,
    port: Number(process.env.LVS_MATRIX_PORT),
    user: process.env.LVS_MATRIX_USER,
    password: process.env.LVS_MATRIX_PASSWORD,
    connectionLimit: 2
  }
  if (connectTimeout !== undefined) options.connectTimeout = connectTimeout
  pool = mysql.createPool(options)
  // What the kernel cannot be asked for is told, and told before the connect: that may hang or fail. The times of
  // keepalive and TCP_USER_TIMEOUT cannot be set in Node.js; nothing is said of them, and a cell that sets them is
  // undetermined.
  if (connectTimeout !== undefined) {
    const held = pool.config.connectionConfig.connectTimeout
    say({ event: 'setting', setting: 'connect-timeout', shown: `connectTimeout of the pool is ${held} ms` })
  }
  if (readTimeout !== undefined) {
    say({ event: 'setting', setting: 'read-timeout', shown: `each query is given timeout ${readTimeout} ms` })
  }
}

function failed (error) {
  // ETIMEDOUT of connect(2) has the number of the system call; a time-out of mysql2's own has none.
  const bySystem = typeof error.errno === 'number' && error.errno < 0
  const ownTimeOut = error.code === 'PROTOCOL_SEQUENCE_TIMEOUT' || (error.code === 'ETIMEDOUT' && !bySystem)
  const byServer = typeof error.errno === 'number' && error.errno > 0 && error.sqlState !== undefined
  say({
    event: 'error',
    message: error.message || error.code || String(error),
    code: byServer ? error.errno : undefined,
    sqlstate: byServer ? error.sqlState : undefined,
    errno: bySystem ? Math.abs(error.errno) : os.constants.errno[error.code],
    timed_out: ownTimeOut
  })
}

function connect () {
  openPool()
  pool.getConnection((error, connection) => {
    if (error) return failed(error)
    say({ event: 'connected', connection_id: connection.threadId })
    connection.release()
  })
}

function query (sql) {
  if (!pool) return say({ event: 'error', message: 'there is no pool' })
  pool.query({ sql, timeout: readTimeout, rowsAsArray: true }, (error, rows) => {
    if (error) return failed(error)
    const result = Array.isArray(rows) ? rows : []
    const first = result.length > 0 ? result[0].map(String) : []
    say({ event: 'result', rows: result.length, first_row: first })
  })
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line)
  if (request.do === 'connect') connect()
  else query(request.sql)
})
