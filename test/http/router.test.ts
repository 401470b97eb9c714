import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { originForm, rewriteUrl } from '../../emulator/http/router.ts'

const signed = (service: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
})
const form = { 'content-type': 'application/x-www-form-urlencoded' }
const bearer = { authorization: 'Bearer offload-dev-token' }
const queue = '/000000000000/manireports-jobs'
const presigned = 'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fs3%2Faws4_request'

type Case = [name: string, method: string, url: string, headers: IncomingHttpHeaders, rewritten: string]

describe('which face gets a request', () => {
  const cases: Case[] = [
    ['signed for SQS, JSON', 'POST', '/', { ...signed('sqs'), 'x-amz-target': 'AmazonSQS.SendMessage' }, '/@sqs/'],
    ['signed for SQS, a form', 'POST', '/', { ...signed('sqs'), ...form }, '/@sqs/'],
    ['signed for S3', 'PUT', '/bucket/key', signed('s3'), '/@s3/'],
    ['signed for S3, with a name of ours', 'GET', '/jobs', signed('s3'), '/@s3/'],
    ['signed for another service', 'POST', '/', signed('execute-api'), '/'],
    ['a target without a signature', 'POST', '/', { 'x-amz-target': 'AmazonSQS.SendMessage' }, '/@sqs/'],
    ['a target of another service', 'POST', '/', { 'x-amz-target': 'DynamoDB_20120810.Query' }, '/'],
    ['an unsigned form', 'POST', '/', form, '/@sqs/'],
    ['a form with a charset', 'POST', '/', { 'content-type': `${form['content-type']}; charset=utf-8` }, '/@sqs/'],
    [
      'an action in the query',
      'GET',
      '/?Version=2012-11-05&Action=ListQueues',
      {},
      '/@sqs/?Version=2012-11-05&Action=ListQueues',
    ],
    ["a queue's own address", 'POST', queue, form, `/@sqs${queue}`],
    ["a queue's own address, with a slash", 'GET', `${queue}/`, {}, `/@sqs${queue}/`],
    ['a presigned link', 'GET', `/bucket/key?${presigned}`, {}, '/@s3/'],
    ['a presigned link of the second version', 'GET', '/bucket/key?AWSAccessKeyId=test', {}, '/@s3/'],
    ['a presigned query with a bad escape', 'GET', '/b/k?X-Amz-Credential=%ZZ', {}, '/@s3/'],
    ['any other GET', 'GET', '/bucket/key', {}, '/@s3/'],

    ['a job', 'POST', '/jobs', bearer, '/jobs'],
    ['a job as curl -d sends it', 'POST', '/jobs', { ...bearer, ...form }, '/jobs'],
    ['a job at the Worker URL', 'POST', '/', { ...bearer, 'content-type': 'application/json' }, '/'],
    ['a job at the Worker URL as curl -d sends it', 'POST', '/', { ...bearer, ...form }, '/'],
    ['the same with x-api-key', 'POST', '/', { 'x-api-key': 'offload-dev-token', ...form }, '/'],
    ['/jobs/', 'POST', '/jobs/', bearer, '/jobs'],
    ['/jobs/ with a query', 'GET', '/jobs/?a=/', {}, '/jobs?a=/'],
    ['/health', 'GET', '/health', {}, '/health'],
    ['/health/', 'GET', '/health/', {}, '/health'],
    ['the page', 'GET', '/', {}, '/'],
    ['a preflight', 'OPTIONS', '/anything', {}, '/anything'],
    ['the control API', 'GET', '/_offload/jobs/?tenant=1', {}, '/_offload/jobs/?tenant=1'],
    [
      'the control API, whatever else is said',
      'POST',
      '/_offload/reset',
      { ...signed('sqs'), ...form },
      '/_offload/reset',
    ],
    ['a verification', 'GET', '/verify/0123456789abcdef', {}, '/verify/0123456789abcdef'],
    ['a callback', 'POST', '/local/manireports/cloud/callback.php', {}, '/local/manireports/cloud/callback.php'],
    ['not quite a name of ours', 'GET', '/jobs2', {}, '/@s3/'],

    ['a proxy’s form of the target', 'GET', 'http://127.0.0.1:4566/health', {}, '/health'],
    ['the same without a path', 'GET', 'http://localhost:4566', {}, '/'],
    ['the same with a query only', 'GET', 'HTTP://localhost?Action=ListQueues', {}, '/@sqs/?Action=ListQueues'],
    ['the same for a queue', 'POST', `http://offload:4566${queue}`, form, `/@sqs${queue}`],
    ['the same for the control API', 'GET', 'http://localhost:4566/_offload/jobs', {}, '/_offload/jobs'],
    ['a path that holds an address', 'GET', '/bucket/http://example.com/', {}, '/@s3/'],
    ['two slashes', 'GET', '//', {}, '/@s3/'],
    ['what no router can decode', 'POST', '/000000000000/%FF', {}, '/@sqs/000000000000/%25FF'],
    ['the same, of a provider', 'POST', '/v3/%zz/messages?a=%FF', {}, '/@mailgun/v3/%25zz/messages?a=%FF'],
    ['what it can', 'GET', '/v2/email/identities/a%40b', {}, '/@ses/v2/email/identities/a%40b'],
  ]
  it.each(cases)('%s', (_name, method, url, headers, rewritten) => {
    expect(rewriteUrl({ method, url, headers })).toBe(rewritten)
  })
})

it('the origin form of a target', () => {
  expect(['http://h:1/a?b', 'https://h', 'http://h?b', '/a', '//h/a', '*'].map(originForm)).toEqual([
    '/a?b',
    '/',
    '/?b',
    '/a',
    '//h/a',
    '*',
  ])
})
