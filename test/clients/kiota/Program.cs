using AuditQuery;
using AuditQuery.Models;
using Microsoft.Kiota.Abstractions;
using Microsoft.Kiota.Abstractions.Authentication;
using Microsoft.Kiota.Http.HttpClientLibrary;

// Arguments: the address of the service, the first and the last day. Prints the count, then the code and the message of an error.
var adapter = new HttpClientRequestAdapter(new AnonymousAuthenticationProvider()) { BaseUrl = args[0] };
var client = new ServiceClient(adapter);
var submission = new QuerySubmission
{
    Start = new Date(DateTime.Parse(args[1])),
    End = new Date(DateTime.Parse(args[2])),
};
var query = await client.Api.Queries.PostAsync(submission);
while (query?.Status is QueryStatus.Pending or QueryStatus.Running)
{
    query = await client.Api.Queries[query.Id!].Result.GetAsync(request => request.QueryParameters.Wait = 30);
}
Console.WriteLine(query?.Result?.Count);
try
{
    await client.Api.Queries[new string('f', 32)].GetAsync();
}
catch (Problem problem)
{
    Console.WriteLine($"{problem.Code} {problem.Message}");
}
