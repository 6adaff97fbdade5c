using AuditQuery;

// Arguments: the address of the service, the first and the last day. Prints the count, then the code and the detail of an error.
var client = new ServiceClient(new HttpClient()) { BaseUrl = args[0] };
var submission = new QuerySubmission { Start = DateOnly.Parse(args[1]), End = DateOnly.Parse(args[2]) };
var query = await client.SubmitQueryAsync(null, null, submission);
while (query.Status is QueryStatus.Pending or QueryStatus.Running)
{
    query = await client.GetQueryResultAsync(query.Id, 30, null, null);
}
Console.WriteLine(query.Result.Count);
try
{
    await client.GetQueryAsync(new string('f', 32), null, null, null, null);
}
catch (ApiException<Problem> exception)
{
    Console.WriteLine($"{exception.Result.Code} {exception.Result.Detail}");
}
